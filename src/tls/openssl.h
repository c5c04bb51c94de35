// SPDX-License-Identifier: Apache-2.0
//
// Owners of OpenSSL's objects, and what went wrong in its words.  Inside this room only.
#pragma once

#include <weir/result.h>

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <memory>
#include <string>
#include <string_view>

namespace weir::tls {

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* object) const {
    release(object);
  }
};

using BioPtr = std::unique_ptr<BIO, Release<BIO_free>>;
using CipherPtr = std::unique_ptr<EVP_CIPHER, Release<EVP_CIPHER_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Release<GENERAL_NAMES_free>>;
using SessionPtr = std::unique_ptr<SSL_SESSION, Release<SSL_SESSION_free>>;
using SslCtxPtr = std::unique_ptr<SSL_CTX, Release<SSL_CTX_free>>;
using SslPtr = std::unique_ptr<SSL, Release<SSL_free>>;
using X509Ptr = std::unique_ptr<X509, Release<X509_free>>;

/// A memory BIO that reads `text`, which must outlive it.
inline BioPtr reader_of(std::string_view text) {
  return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// Two macros of OpenSSL without their casts.

template <typename Callback>
void set_callback(SSL_CTX* context, int which, Callback callback) {
  SSL_CTX_callback_ctrl(context, which, reinterpret_cast<void (*)()>(callback));
}

inline void set_server_name(SSL* ssl, const char* name) {
  SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, const_cast<char*>(name));
}

/// The reason of the last error of this thread, whose list is emptied.
inline std::string take_reason() {
  unsigned long error = ERR_peek_last_error();
  const char* reason = error ? ERR_reason_error_string(error) : nullptr;
  ERR_clear_error();
  return reason ? reason : "no reason given";
}

}  // namespace weir::tls
