// SPDX-License-Identifier: Apache-2.0
//
// Setup: what the master tells a process it has just started, and the descriptors it gives it.  Every
// role gets the same; it takes what it needs.
#pragma once

#include "base/fd.h"
#include "net/channel.h"
#include "process/plan.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::process {

enum class Role : std::uint32_t { Loader, Control, Writer, Worker };

/// "worker" and the like: the word on the command line, so that `ps` shows it.
const char* role_name(Role role);

/// A listening socket: its place in the table that says which worker watches it, and its address as it
/// is written in the configuration.
struct ListeningSocket {
  Fd fd;
  std::uint32_t slot = 0;
  std::string address;
};

/// One committed generation, for control's history.
struct PastGeneration {
  Fd bundle;
  std::string about;  ///< see process/history.h
};

/// The index of each process's waker.  There is one for every worker that the segment has room for.
struct WakerOf {
  static constexpr std::size_t control = 0, writer = 1;
  static constexpr std::size_t worker(std::size_t index) { return 2 + index; }
  static constexpr std::size_t count(std::size_t workers) { return 2 + workers; }
};

struct Setup {
  int control_waker() const { return wakers[WakerOf::control].get(); }
  int writer_waker() const { return wakers[WakerOf::writer].get(); }
  int worker_waker(std::size_t worker) const { return wakers[WakerOf::worker(worker)].get(); }

  Role role = Role::Worker;
  std::uint32_t index = 0;        ///< of a worker
  std::uint32_t incarnation = 0;  ///< how often it has been replaced
  std::uint64_t generation = 1;   ///< which the plan and the bundle are of
  Plan plan;
  Fd shared, bundle;
  Fd secrets;              ///< workers all of them, control those of checks, others none
  std::vector<Fd> wakers;  ///< eventfds; see WakerOf
  std::vector<ListeningSocket> sockets;
  Fd error_log, access_log;             ///< writer only; closed if there is none
  std::vector<Fd> admin;                ///< control only: listening admin sockets, as in the plan
  std::vector<Fd> state;                ///< control and writer: the two state files; empty without
  std::vector<PastGeneration> history;  ///< control only: oldest first, the present one last
  Fd carried;  ///< control only: what one with other shared memory knew; closed if there is none
  std::string news;  ///< control only, a line: how an upgrade ended; empty if there was none
};

/// Sends everything over a channel, in as many messages as it takes; the first is of that type.
Result<void> send_setup(net::Channel& channel, const Setup& setup,
                        net::MessageType type = net::MessageType::Setup);

/// Receives it; the descriptors are owned by the result.
Result<Setup> receive_setup(net::Channel& channel);
/// The same when its first message has arrived already.
Result<Setup> receive_setup(net::Channel& channel, const net::Message& first);

}  // namespace weir::process
