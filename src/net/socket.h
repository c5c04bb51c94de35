// SPDX-License-Identifier: Apache-2.0
//
// Listening sockets.
#pragma once

#include <weir/result.h>

#include "base/fd.h"
#include "net/address.h"

namespace weir::net {

/// Clients that may wait to be accepted; the kernel cuts it to net.core.somaxconn.
inline constexpr int listen_backlog = 65'535;

/// Options of a listening TCP socket.
struct ListenOptions {
  bool reuse_port = true;    ///< several sockets share the address
  bool defer_accept = true;  ///< wake us with the first bytes, not with the handshake
};

/// A bound, listening, non-blocking socket.  For a Unix address, a socket file that nobody answers on is
/// replaced; anything else at that path is an error.
Result<Fd> listen_on(const Address& address, const ListenOptions& options);

/// From now on a listening TCP socket drops the first packet of a connection (clients ask again, and
/// are refused once it is closed); those that have begun still arrive.
void refuse_new_connections(int fd);

}  // namespace weir::net
