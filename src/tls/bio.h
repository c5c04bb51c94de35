// SPDX-License-Identifier: Apache-2.0
//
// The BIO between OpenSSL and a Transport: it reads through its Carrier and writes into its part of
// the outbox, which takes everything.  Inside this room only.
#pragma once

#include "tls/openssl.h"

namespace weir::tls {

class Transport;

/// Owned by the SSL it is given to; `transport` must outlive it.
BIO* make_bio(Transport& transport);

}  // namespace weir::tls
