// SPDX-License-Identifier: Apache-2.0
#include "tls/client_context.h"

#include "base/text.h"
#include "tls/terms.h"
#include "tls/transport.h"

#include <utility>

namespace weir::tls {

namespace {

// Tickets of TLS 1.3 come whenever the server likes; the newest one is kept.
int on_session(SSL* ssl, SSL_SESSION* session) {
  static_cast<Transport*>(SSL_get_app_data(ssl))->server()->session.reset(session);
  return 1;  // it is ours now
}

std::string decode_pin(const std::string& base64) {
  unsigned char bytes[48];
  EVP_DecodeBlock(bytes, reinterpret_cast<const unsigned char*>(base64.data()),
                  static_cast<int>(base64.size()));
  return {reinterpret_cast<const char*>(bytes), 32};
}

}  // namespace

void SessionFree::operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }

Result<std::shared_ptr<const ClientContext>> ClientContext::build(
    const config::BackendTls& tls, std::span<const std::string_view> alpn) {
  auto context = make_context(TLS_client_method(), tls);
  if (!context) return context.error();
  SSL_CTX* raw = context->get();
  if (tls.verify) {
    if (auto trusted = trust(raw, tls.ca); !trusted) return trusted.error();
    SSL_CTX_set_verify(raw, SSL_VERIFY_PEER, nullptr);
  }
  // A key that is not given to this process is not needed here.
  if (tls.certificate && tls.certificate->key.text) {
    auto own = KeyedCertificate::read(*tls.certificate);
    if (!own) return own.error();
    if (auto used = use_certificate(raw, *own); !used) return used.error();
  }
  std::string offer;
  for (std::string_view name : alpn) offer.append(1, static_cast<char>(name.size())).append(name);
  if (!offer.empty())
    SSL_CTX_set_alpn_protos(raw, reinterpret_cast<const unsigned char*>(offer.data()),
                            static_cast<unsigned int>(offer.size()));
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_sess_set_new_cb(raw, on_session);
  auto made = std::make_shared<ClientContext>();
  made->context_ = context->release();
  made->verify_ = tls.verify;
  made->server_name_ = tls.server_name;
  for (const std::string& pin : tls.pins) made->pins_.push_back(decode_pin(pin));
  return std::shared_ptr<const ClientContext>(std::move(made));
}

ClientContext::~ClientContext() { SSL_CTX_free(context_); }

std::string ClientContext::key_of(const config::BackendTls& tls) {
  std::string key = concat(weir::tls::key_of(tls), tls.verify ? "verify " : "any ", tls.ca.hash,
                           " ", tls.server_name);
  if (tls.certificate)
    key += concat(" ", tls.certificate->chain.hash, " ", tls.certificate->key.hash);
  for (const std::string& pin : tls.pins) key += " " + pin;
  return key;
}

}  // namespace weir::tls
