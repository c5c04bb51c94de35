// SPDX-License-Identifier: Apache-2.0
//
// Where OpenSSL's objects live.  A handshake makes and drops about two thousand of them, always of the same
// sizes: lists of what was given back cost less than the heap, and keep records' buffers in the cache.  Inside
// this room only.
#pragma once

namespace weir::tls {

/// Must come before OpenSSL's first allocation; later it changes nothing.  Only the calling thread uses the
/// lists, other threads the heap; each may free what another one has made.
void keep_memory();

}  // namespace weir::tls
