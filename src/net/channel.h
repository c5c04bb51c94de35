// SPDX-License-Identifier: Apache-2.0
//
// Channel: typed messages, and descriptors with them, between weir's own processes over one end of a
// socketpair (SOCK_SEQPACKET: a message arrives whole or not at all).
#pragma once

#include <weir/result.h>

#include "base/fd.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::net {

/// What they mean never changes, and new ones come last: after an upgrade the processes of two versions
/// talk to one another.
enum class MessageType : std::uint32_t {
  Setup,  ///< master to child: what it is to be; descriptors follow in Descriptors
  Descriptors,
  Diagnostics,  ///< loader to master: what is to be said of the files, errors and warnings
  Plan,         ///< loader to master: what to bind and open; the bundle's descriptor
  Failed,       ///< child to master: text for the operator
  Ready,        ///< child to master
  Drain,        ///< master to worker: stop accepting, finish, exit
  Drained,      ///< worker to master: nothing left
  Shutdown,  ///< control to master: an operator wants the end; milliseconds to drain, 0 = as configured
  Logs,      ///< master to writer: new log descriptors
  State,        ///< master to writer: the two state files, or none any more
  Resources,    ///< master to control: a Setup with the sockets and files of the plan that holds
  Stop,         ///< master to child: exit now
  Quarantined,  ///< master to control: shared memory has a request more that is refused

  // A reload, in this order; see process/reload.h.
  Load,       ///< control to master: begin; how, and who wants it; master to loader: an opened file
  Candidate,  ///< master to control: what the loader made; the bundle's descriptor
  Prepare,    ///< control to master: go on; master to worker: a Setup of the next generation
  Prepared,   ///< worker to master, master to control: ready to commit
  Committed,  ///< control to master: the new generation holds
  Abandon,    ///< control to master, master to worker: it will not come
  Refused,    ///< master to control: it will not come, and why
  Settled,    ///< master to control: everybody runs it

  // An upgrade; see process/upgrade.h.
  Upgrade,    ///< control to master: begin; who wants it
  Upgrading,  ///< master to control: it begins now; what is to be said of it
  Export,     ///< master to control: write what you know into this, for other shared memory
  Exported,   ///< control to master: done; or why not

  // After the death of a master; see process/orphan.h.
  Sockets,  ///< worker to another master: addresses, a line each, and their listening sockets
  Taken,    ///< that master to the worker: the sockets are in use
  Declined  ///< or: they are another instance's
};

struct Message {
  MessageType type = MessageType::Stop;
  std::string bytes;
  std::vector<Fd> descriptors;
};

class Channel {
 public:
  /// A message is at most this long; descriptors at most 200.
  static constexpr std::size_t longest = 128 * 1024;
  static constexpr std::size_t most_descriptors = 200;

  Channel() = default;
  explicit Channel(Fd fd) : fd_(std::move(fd)) {}

  /// Two connected ends; the first one does not block.
  static Result<std::pair<Channel, Fd>> make_pair();

  int fd() const { return fd_.get(); }
  bool is_open() const { return fd_.is_open(); }
  /// The other side is gone; what it sent before may still be received.
  bool is_hung_up() const;
  void close() { fd_.reset(); }
  /// Gives the descriptor up.
  Fd release() { return std::move(fd_); }

  /// Errc::System if the other side is gone or does not read.
  Result<void> send(MessageType type, const std::string& bytes = {},
                    const std::vector<int>& descriptors = {});

  /// The next message; Errc::NotFound if there is none now, Errc::System if the other side is gone.
  Result<Message> receive();

 private:
  Fd fd_;
};

}  // namespace weir::net
