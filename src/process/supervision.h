// SPDX-License-Identifier: Apache-2.0
//
// Supervision: the master's eye on the workers.  It sees who does not turn its loop, ends who does not for
// too long, and says of each that has died what it was doing; a request that keeps killing workers goes
// into quarantine.  Whom to start and who accepts is decided by the master.
#pragma once

#include "process/child.h"
#include "process/kernel.h"
#include "process/pulse.h"
#include "shm/black_box.h"
#include "shm/quarantine.h"
#include "shm/segment.h"

#include <cstdint>
#include <list>
#include <string>
#include <utility>
#include <vector>

namespace weir::process {

class Supervision {
 public:
  /// A worker that does not turn for `stall_us` is ended; 0 = never.  `segment` and `kernel` must outlive this.
  Supervision(const shm::Segment& segment, Kernel& kernel, std::uint64_t stall_us);

  /// Another limit from now on.
  void set_limit(std::uint64_t stall_us) { stall_us_ = stall_us; }

  /// A child was stopped by a signal, or goes on (0).
  void note_stop(const Child& child, int signal);

  /// Looks at all of them if it is time to.  True if somebody became late or turns again.
  bool look(const std::list<Child>& children, std::uint64_t now_us);
  /// When to look; monotonic.
  std::uint64_t next_us() const { return next_us_; }
  /// It does not turn: nothing new should wait for it.
  bool is_late(const Child& child) const;

  /// Tells of an end, as waitpid gave it, for the log: "crashed (signal 11) in stream GET /x ...".  Says
  /// the rest (backtrace, quarantine) itself.  Before the child is started again.
  std::string tell_end(const Child& child, int status);
  /// A request has been put in quarantine since the last call.
  bool take_quarantined() { return std::exchange(quarantined_, false); }

 private:
  struct Watched {
    Pulse pulse;
    int stopped_by = 0;
    bool late = false;
    bool was_stopped = false;      ///< when it was found stalled
    std::uint64_t held_us = 0;     ///< for how long it had not turned its loop then
    std::uint64_t kill_at_us = 0;  ///< it has been told to die, and has until then; 0 = not
  };

  Watched& of(const Child& child);
  bool look_at(const Child& child, Watched& watched, std::uint64_t since_us);
  void end(const Child& child, Watched& watched, std::uint64_t now_us);
  std::string tell_control_end(const Child& child, const std::string& how);
  void suspect(const shm::LastWords& words);

  const shm::Segment& segment_;
  Kernel& kernel_;
  shm::Quarantine quarantine_;
  std::uint64_t stall_us_;
  std::uint64_t last_us_, next_us_;
  std::vector<Watched> workers_;  ///< by index
  bool quarantined_ = false;
};

/// "in stream GET /x of listener web, route api (weir.conf:9), phase relay, ...", for after "crashed".
std::string tell(const shm::LastWords& words);
/// The addresses, as addr2line takes them, from where the signal came; empty if there are none.
std::string tell_trace(const shm::LastWords& words);

}  // namespace weir::process
