// SPDX-License-Identifier: Apache-2.0
//
// Orphan: what a worker does with its listening sockets when the master has died.  The kernel goes on handing it new
// connections, also when a supervisor has started weir again, since all sockets of an address share what comes.  So the
// worker goes on accepting, and offers the sockets to the next master (process/reclaim.h) at an abstract Unix socket, which
// lies in the same network namespace as the addresses:
//
//   @weir-sockets/PID        SOCK_SEQPACKET; for root, and for the user the worker runs as
//   worker  → master         Sockets: a line for each descriptor that comes with it, its address as configured; the
//                            last message has none
//   master  → worker         Taken: other workers accept on them now; or Declined: it is a master of another instance
//
// The worker closes what was taken.  If no master comes within `patience_us`, or one that came is gone for so long, it leaves the pool as in a drain: nobody new
// is let in, who is on the way is accepted, and then the sockets refuse.
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
  /// The listening sockets it still has.
  virtual std::vector<const ListeningSocket*> open_sockets() const = 0;
  /// Closes those that another master owns.
  virtual void close_taken() = 0;
  /// Lets nobody new in, and closes each socket as soon as nobody is on the way to it any more.
  virtual void close_gates() = 0;

 protected:
  ~OrphanHost() = default;
};

class Orphan final : private event::ReadyEvents, private event::DeadlineEvents {
 public:
  /// Where the orphan with that process id offers its sockets is this and the number; abstract, without its leading zero.
  static constexpr std::string_view name_prefix = "weir-sockets/";
  /// For how long new clients are accepted while no other master asks for the sockets, and while one that has asked starts.
  static constexpr std::uint64_t patience_us = 5'000'000, start_us = 60'000'000;

  /// Both must outlive this.  `uid`: of this process, which may not ask for it any more.
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
  std::uint64_t leave_at_us_ = 0;
  std::uint64_t patience_ends_us_ = 0;  ///< since the last master of this instance died
};

}  // namespace weir::process
