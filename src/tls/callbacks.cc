// SPDX-License-Identifier: Apache-2.0
#include "tls/callbacks.h"

#include "base/text.h"
#include "tls/server_context.h"
#include "tls/transport.h"

#include <openssl/core_names.h>
#include <openssl/ocsp.h>
#include <openssl/rand.h>
#include <openssl/tls1.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace weir::tls {

namespace {

// OpenSSL looks each of them up, and there is room for 65,535: milliseconds.  All that have ever been defined are
// fewer than four hundred.
constexpr std::size_t most_cipher_suites = 1000;

Transport& transport_of(SSL* ssl) { return *static_cast<Transport*>(SSL_get_app_data(ssl)); }

int on_hello(SSL* ssl, int* alert, void*) {
  const unsigned char* suites;
  if (SSL_client_hello_get0_ciphers(ssl, &suites) <= 2 * most_cipher_suites)
    return SSL_CLIENT_HELLO_SUCCESS;
  *alert = SSL_AD_ILLEGAL_PARAMETER;
  return SSL_CLIENT_HELLO_ERROR;
}

int on_server_name(SSL* ssl, int*, void*) {
  const char* asked = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
  if (!asked) return SSL_TLSEXT_ERR_NOACK;
  std::string name = to_lower(asked);
  if (name.ends_with('.')) name.pop_back();
  Transport& transport = transport_of(ssl);
  const ServerContext& context = *transport.context();
  SSL_CTX* wanted = context.context_of(context.find(name));
  transport.note_server_name(std::move(name));
  if (wanted != SSL_get_SSL_CTX(ssl)) SSL_set_SSL_CTX(ssl, wanted);
  return SSL_TLSEXT_ERR_OK;
}

// Our preference decides; nothing in common ends the handshake (RFC 7301 §3.2).
int on_alpn(SSL* ssl, const unsigned char** chosen, unsigned char* size, const unsigned char* offer,
            unsigned int offered, void*) {
  std::string_view ours = transport_of(ssl).context()->alpn();
  unsigned char* found = nullptr;
  int outcome =
      SSL_select_next_proto(&found, size, reinterpret_cast<const unsigned char*>(ours.data()),
                            static_cast<unsigned int>(ours.size()), offer, offered);
  if (outcome != OPENSSL_NPN_NEGOTIATED) return SSL_TLSEXT_ERR_ALERT_FATAL;
  *chosen = found;
  return SSL_TLSEXT_ERR_OK;
}

const EVP_CIPHER* ticket_cipher() {
  // Looking it up costs more than using it.
  static const CipherPtr cipher(EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr));
  return cipher.get();
}

bool set_mac(EVP_MAC_CTX* mac, shm::TicketKey& key) {
  char digest[] = "SHA256";
  OSSL_PARAM parameters[] = {
      OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key.mac, sizeof(key.mac)),
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
      OSSL_PARAM_construct_end()};
  return EVP_MAC_CTX_set_params(mac, parameters) == 1;
}

// 0: no such key, so a full handshake; 2: an old key, so a new ticket.
int on_ticket(SSL* ssl, unsigned char* name, unsigned char* iv, EVP_CIPHER_CTX* cipher,
              EVP_MAC_CTX* mac, int encrypt) {
  const ServerContext& context = *transport_of(ssl).context();
  if (!context.gives_tickets()) return 0;
  shm::TicketKeys::Ring ring = context.tickets().read();
  if (encrypt) {
    if (ring.count == 0) return 0;
    if (RAND_bytes(iv, EVP_CIPHER_get_iv_length(ticket_cipher())) != 1) return -1;
    shm::TicketKey& key = ring.keys[0];
    std::memcpy(name, key.name, sizeof(key.name));
    bool good = EVP_EncryptInit_ex2(cipher, ticket_cipher(), key.cipher, iv, nullptr) == 1 &&
                set_mac(mac, key);
    return good ? 1 : -1;
  }
  for (std::uint32_t i = 0; i < ring.count; ++i) {
    shm::TicketKey& key = ring.keys[i];
    if (std::memcmp(name, key.name, sizeof(key.name)) != 0) continue;
    bool good = EVP_DecryptInit_ex2(cipher, ticket_cipher(), key.cipher, iv, nullptr) == 1 &&
                set_mac(mac, key);
    return !good ? -1 : i == 0 ? 1 : 2;
  }
  return 0;
}

// Staples hang on the context, each with the certificate it is for.
struct Staple {
  X509* certificate;
  std::string answer;
};
using Staples = std::vector<Staple>;

void free_staples(void*, void* staples, CRYPTO_EX_DATA*, int, long, void*) {
  delete static_cast<Staples*>(staples);
}

int staples_index() {
  static const int index = SSL_CTX_get_ex_new_index(0, nullptr, nullptr, nullptr, free_staples);
  return index;
}

int on_status(SSL* ssl, void*) {
  auto* staples = static_cast<Staples*>(SSL_CTX_get_ex_data(SSL_get_SSL_CTX(ssl), staples_index()));
  X509* shown = SSL_get_certificate(ssl);
  if (!staples) return SSL_TLSEXT_ERR_NOACK;
  auto found = std::find_if(staples->begin(), staples->end(),
                            [shown](const Staple& each) { return each.certificate == shown; });
  if (found == staples->end()) return SSL_TLSEXT_ERR_NOACK;
  // OpenSSL takes over memory of its own.
  void* copy = OPENSSL_memdup(found->answer.data(), found->answer.size());
  if (!copy) return SSL_TLSEXT_ERR_NOACK;
  SSL_set_tlsext_status_ocsp_resp(ssl, copy, static_cast<int>(found->answer.size()));
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

void set_server_callbacks(SSL_CTX* context) {
  SSL_CTX_set_client_hello_cb(context, on_hello, nullptr);
  set_callback(context, SSL_CTRL_SET_TLSEXT_SERVERNAME_CB, on_server_name);
  SSL_CTX_set_alpn_select_cb(context, on_alpn, nullptr);
  SSL_CTX_set_tlsext_ticket_key_evp_cb(context, on_ticket);
  set_callback(context, SSL_CTRL_SET_TLSEXT_STATUS_REQ_CB, on_status);
}

Result<void> staple(SSL_CTX* context, X509* certificate, std::string_view answer) {
  const auto* bytes = reinterpret_cast<const unsigned char*>(answer.data());
  OCSP_RESPONSE* parsed = d2i_OCSP_RESPONSE(nullptr, &bytes, static_cast<long>(answer.size()));
  bool good = parsed && OCSP_response_status(parsed) == OCSP_RESPONSE_STATUS_SUCCESSFUL;
  OCSP_RESPONSE_free(parsed);
  ERR_clear_error();
  if (!good)
    return Error(Errc::Invalid, "the ocsp file holds no good OCSP answer; it has to be in DER");
  auto* staples = static_cast<Staples*>(SSL_CTX_get_ex_data(context, staples_index()));
  if (!staples) {
    staples = new Staples;
    SSL_CTX_set_ex_data(context, staples_index(), staples);
  }
  staples->push_back({certificate, std::string(answer)});
  return {};
}

}  // namespace weir::tls
