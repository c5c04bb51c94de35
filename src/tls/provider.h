// SPDX-License-Identifier: Apache-2.0
//
// weir's own provider for OpenSSL (provider(7)): AES-128-GCM and AES-256-GCM for the records of TLS, by
// GcmKey.  Inside this room only.
#pragma once

namespace weir::tls {

/// What a context asks OpenSSL for: the provider's algorithms, where it is there and has them.
constexpr const char* preferred_properties = "?provider=weir";

/// Adds the provider to the process if has_vector_gcm(); says whether it is there.  Only contexts that are made
/// afterwards use it, and nothing else does: it knows one use of a cipher, that of records.
bool add_provider();

}  // namespace weir::tls
