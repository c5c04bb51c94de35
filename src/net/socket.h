// SPDX-License-Identifier: Apache-2.0
//
// Listening sockets.
#pragma once

#include <weir/result.h>

#include "base/fd.h"
#include "net/address.h"

#include <cstdint>

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

/// The process that a listening socket belongs to, whoever else has it open; 0 if nobody said so or that process has died.
/// It is the kernel's "owner" of the open file (F_SETOWN), which sockets send no signals to as long as nobody asks for them.
pid_t owner(int fd);
void set_owner(int fd, pid_t pid);

/// The process that listens on a Unix socket we are connected to: the one that called listen().  0 if it is unknown.
pid_t listening_process(int fd);

/// Has the kernel probe a peer that has been silent for `silence_us` microseconds (seconds matter; 0 = never), and
/// give it up after 3 lost probes, a third of that time apart.  Of a listening socket: those of its clients.  Unix
/// sockets need none.
void keep_alive(int fd, std::uint64_t silence_us);

}  // namespace weir::net
