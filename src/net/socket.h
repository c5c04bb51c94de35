// SPDX-License-Identifier: Apache-2.0
//
// Listening sockets.
#pragma once

#include <weir/result.h>

#include "base/fd.h"
#include "net/address.h"

namespace weir::net {

/// Options of a listening TCP socket.
struct ListenOptions {
  bool reuse_port = true;    ///< several sockets share the address
  bool defer_accept = true;  ///< wake us with the first bytes, not with the handshake
};

/// A bound, listening, non-blocking socket.  For a Unix address, a socket file that nobody answers on is
/// replaced; anything else at that path is an error.
Result<Fd> listen_on(const Address& address, const ListenOptions& options);

}  // namespace weir::net
