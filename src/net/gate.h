// SPDX-License-Identifier: Apache-2.0
//
// Gate: ends and begins listening on a TCP socket that stays bound, without losing a client.  Simply to
// stop would reset those who have been told by the kernel that they are connected, but whom nobody has
// accepted yet.  So there are two steps: a socket that is `narrowed` drops only what opens a new connection,
// so that everybody on the way still arrives; `on_the_way_us` later it is `shut` and refuses.  Whoever knocks
// in between knocks again, by TCP's own doing, and is refused then.
//
// The socket may be shared with other processes; all of this is said of the socket, not of the descriptor.
// Unix sockets cannot be reopened once they are shut, so theirs stay as they are: new clients wait.
#pragma once

#include <cstdint>

namespace weir::net {

/// How long after the gate is narrowed a client may still come that was told before that it is connected.
/// The kernel hands those out who have not said a word yet when they answer its second packet, which it
/// sends a second after the first (RFC 6298 section 2).
inline constexpr std::uint64_t on_the_way_us = 1'200'000;

/// Lets nobody new in, but everybody who is on the way.
void narrow_gate(int fd);

/// For a connection that was accepted from a narrowed socket: all that it sends arrives.
void welcome(int fd);

/// True if a client waits to be accepted.
bool has_waiting(int fd);

/// Refuses everybody.  Those who wait are reset: have them accepted first.
void shut_gate(int fd);

/// Listens, whatever was done before; clients are let in.  True if anything had been done: those who wait
/// then are to be welcomed.
bool open_gate(int fd);

/// False once it has been shut.
bool is_listening(int fd);

}  // namespace weir::net
