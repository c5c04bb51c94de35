// SPDX-License-Identifier: Apache-2.0
#include "tls/terms.h"

#include "base/text.h"
#include "tls/provider.h"

#include <openssl/pem.h>

namespace weir::tls {

namespace {

// Forward secrecy and AEAD only; AES first, since what we run on has instructions for it.
constexpr const char* usual_ciphers =
    "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
// X25519 costs half of what P-256 costs.
constexpr const char* usual_groups = "X25519:P-256:P-384";

Error unknown(std::string_view what, std::string_view names) {
  ERR_clear_error();
  return Error(Errc::NotFound,
               concat("not all of the ", what, " in ", in_quotes(names), " are known to ",
                      OpenSSL_version(OPENSSL_VERSION), "; openssl list shows those that are"));
}

// Those of TLS 1.3 are another list in OpenSSL.
Result<void> set_ciphers(SSL_CTX* context, const std::string& names) {
  std::string older, newer;
  for (std::string_view name : split(names, ':')) {
    std::string& list = name.starts_with("TLS_") ? newer : older;
    list.append(list.empty() ? "" : ":").append(name);
  }
  if (!older.empty() && SSL_CTX_set_cipher_list(context, older.c_str()) != 1)
    return unknown("ciphers", names);
  if (!newer.empty() && SSL_CTX_set_ciphersuites(context, newer.c_str()) != 1)
    return unknown("ciphers", names);
  return {};
}

}  // namespace

Result<SslCtxPtr> make_context(const SSL_METHOD* method, const config::TlsTerms& terms) {
  SslCtxPtr context(SSL_CTX_new_ex(nullptr, preferred_properties, method));
  if (!context) return Error(Errc::System, "TLS: " + take_reason());
  SSL_CTX* raw = context.get();
  SSL_CTX_set_min_proto_version(
      raw, terms.min_version == config::TlsVersion::V1_3 ? TLS1_3_VERSION : TLS1_2_VERSION);
  SSL_CTX_set_options(raw, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                               SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
  // An idle connection holds no buffers; what is read at once is more than one record.
  SSL_CTX_set_mode(
      raw, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_NO_AUTO_CHAIN);
  SSL_CTX_set_read_ahead(raw, 1);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  const char* groups = terms.groups.empty() ? usual_groups : terms.groups.c_str();
  if (SSL_CTX_set1_groups_list(raw, groups) != 1) return unknown("groups", groups);
  if (auto set = set_ciphers(raw, terms.ciphers.empty() ? usual_ciphers : terms.ciphers); !set)
    return set.error();
  return context;
}

Result<void> use_certificate(SSL_CTX* context, const KeyedCertificate& certificate) {
  if (SSL_CTX_use_certificate(context, certificate.leaf()) != 1 ||
      SSL_CTX_use_PrivateKey(context, certificate.key()) != 1)
    return Error(Errc::Invalid, "the certificate cannot be used: " + take_reason());
  for (X509* other : certificate.others())
    if (SSL_CTX_add1_chain_cert(context, other) != 1)
      return Error(Errc::Invalid, "the chain cannot be used: " + take_reason());
  return {};
}

Result<void> trust(SSL_CTX* context, const config::NamedFile& pem) {
  std::unique_ptr<X509_STORE, Release<X509_STORE_free>> store(X509_STORE_new());
  BioPtr in = reader_of(pem.contents());
  std::size_t count = 0;
  for (; X509* next = PEM_read_bio_X509_AUX(in.get(), nullptr, nullptr, nullptr); ++count) {
    X509Ptr authority(next);
    X509_STORE_add_cert(store.get(), next);
  }
  bool all = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  std::string why = take_reason();
  if (count == 0 || !all)
    return Error(Errc::Invalid,
                 concat(in_quotes(pem.path), count == 0 ? " holds no certificate" : " is damaged",
                        all ? "" : ": ", all ? "" : why,
                        "; it has to be in PEM: -----BEGIN CERTIFICATE-----"));
  // Whoever is named there is trusted, be it the root or one below it.
  X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_TRUSTED_FIRST);
  SSL_CTX_set_cert_store(context, store.release());
  return {};
}

std::string key_of(const config::TlsTerms& terms) {
  return concat(terms.min_version == config::TlsVersion::V1_3 ? "1.3 " : "1.2 ", terms.ciphers, " ",
                terms.groups, "\n");
}

}  // namespace weir::tls
