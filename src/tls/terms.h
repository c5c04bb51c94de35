// SPDX-License-Identifier: Apache-2.0
//
// What every TLS context has: versions, ciphers, groups, and how weir wants OpenSSL to use memory.
// Inside this room only.
#pragma once

#include "tls/certificate.h"
#include "tls/openssl.h"

#include <memory>
#include <string>

namespace weir::tls {

/// A new context of either kind; errors name what OpenSSL does not know, and its version.
Result<SslCtxPtr> make_context(const SSL_METHOD* method, const config::TlsTerms& terms);

/// Makes a context show this certificate; a second one with another kind of key stands beside the first.
Result<void> use_certificate(SSL_CTX* context, const KeyedCertificate& certificate);

/// Trusts who is in `pem` (at least one certificate), and nobody else.
Result<void> trust(SSL_CTX* context, const config::NamedFile& pem);

/// All of the terms as one text: equal texts, equal contexts.
std::string key_of(const config::TlsTerms& terms);

}  // namespace weir::tls
