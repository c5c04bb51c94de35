// SPDX-License-Identifier: Apache-2.0
//
// What OpenSSL asks during a client's handshake: which site, which protocol, which key for a ticket, what
// to staple.  All answers come from the Transport's ServerContext.  Inside this room only.
#pragma once

#include "tls/openssl.h"

#include <string_view>

namespace weir::tls {

/// Makes a server's context ask.
void set_server_callbacks(SSL_CTX* context);

/// Clients that ask for it get this OCSP answer (DER) with this certificate.
Result<void> staple(SSL_CTX* context, X509* certificate, std::string_view answer);

}  // namespace weir::tls
