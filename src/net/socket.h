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

/// Whether a listening TCP socket keeps a client to itself until its first bytes are there.  Without it, those
/// who were kept are handed out a second after they came, whether they have said something or not.
void defer_accept(int fd, bool on);

}  // namespace weir::net
