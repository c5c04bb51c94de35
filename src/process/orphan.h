// SPDX-License-Identifier: Apache-2.0
//
// Orphan: a worker whose master has died.  It keeps its listening sockets open, because the kernel goes on assigning new
// connections to every socket of an address, also after a supervisor has started weir again.  The worker therefore keeps
// accepting, and offers its sockets to the next master (process/reclaim.h) at an abstract Unix socket.  Abstract sockets
// belong to the network namespace, as the addresses do.
//
//   @weir-sockets/PID        SOCK_SEQPACKET; for root, and for the user the worker runs as
//   worker  → master         Sockets: one line for each descriptor sent along, with its configured address; the last
//                            message has no descriptors
//   master  → worker         Taken: the new master's workers accept on them now.
//                            Declined: the master belongs to another instance.
//
// After Taken the worker closes the sockets that were taken.  If no master of its instance asks within `patience_us`, or if
// the one that asked ends before it says Taken and none asks within another `patience_us`, the worker drains: it admits no
// new client, accepts the connections that are already being established, and then refuses.
#pragma once

#include "base/fd.h"
#include "event/deadline.h"
#include "event/watch.h"
#include "net/channel.h"

#include <sys/types.h>

#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <vector>

namespace weir::process {

struct ListeningSocket;

/// What Orphan needs of the worker.
class OrphanHost {
 public:
  /// The listening sockets that the worker still has.
  virtual std::vector<const ListeningSocket*> open_sockets() const = 0;
  /// Closes the sockets that another master owns.
  virtual void close_taken() = 0;
  /// Admits no new client, and closes each socket as soon as no connection to it is being established.
  /// Called repeatedly until `open_sockets` is empty.
  virtual void close_gates() = 0;

 protected:
  ~OrphanHost() = default;
};

class Orphan final : private event::ReadyEvents, private event::DeadlineEvents {
 public:
  /// The abstract name of the offer is this and the worker's process id, without the leading zero byte.
  static constexpr std::string_view name_prefix = "weir-sockets/";
  /// How long new clients are accepted while no master has asked for the sockets.
  static constexpr std::uint64_t patience_us = 5'000'000;
  /// How long they are accepted while a master that has asked is starting.
  static constexpr std::uint64_t start_us = 60'000'000;

  /// `loop` and `host` must outlive this.  `uid`: the user this process runs as.
  Orphan(event::Loop& loop, OrphanHost& host, uid_t uid);
  ~Orphan();

 private:
  class Peer;

  void on_ready(event::Ready) noexcept override { accept_masters(); }
  const char* call_name() const noexcept override { return "sockets for the next master"; }
  void on_deadline() noexcept override;
  void accept_masters();
  void taken();
  void declined();
  void wait_again();
  void leave_in(std::uint64_t us);

  event::Loop& loop_;
  OrphanHost& host_;
  uid_t uid_;
  Fd listener_;
  event::Watch watch_;
  event::Deadline next_;
  std::list<Peer> peers_;
  std::uint64_t leave_at_us_ = 0;       ///< when it drains
  std::uint64_t patience_ends_us_ = 0;  ///< the same, if no other master asks until then
};

}  // namespace weir::process
