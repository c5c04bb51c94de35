// SPDX-License-Identifier: Apache-2.0
//
// Kernel: what the master and its parts ask of the kernel about time, signals and other processes.  It is the one seam
// between what they decide and what happens, so that a unit test can say when a child dies, and that a second has passed.
// Files, sockets and shared memory are not asked for here.
#pragma once

#include "base/clock.h"
#include "process/child.h"

#include <poll.h>
#include <sys/types.h>

#include <string>
#include <vector>

namespace weir::process {

class Kernel : public Clock {
 public:
  /// A child that has ended, was stopped or goes on; `status` as waitpid(2) gives it.
  struct Change {
    pid_t pid = 0;  ///< 0 = nothing has happened
    int status = 0;
  };

  /// From now on signals to this process wait for `next_signal`, and `wait` ends when there is one.
  virtual void take_signals() = 0;
  /// The next signal that has come; 0 = none.
  virtual int next_signal() = 0;
  /// The next change of a child.
  virtual Change next_change() = 0;

  /// As `process::spawn` and `process::spawn_trial`.
  virtual Result<void> spawn(Child& child, const std::string& argument) = 0;
  virtual Result<void> spawn_trial(Child& child, const std::string& binary, int handover,
                                   const std::vector<int>& descriptors) = 0;
  /// Sends a signal; who has ended does not mind.
  virtual void kill(pid_t pid, int signal) = 0;

  /// Sleeps until one of these is ready, a signal has come, or so many milliseconds have passed.
  virtual void wait(std::vector<pollfd>& descriptors, int timeout_ms) = 0;

 protected:
  ~Kernel() = default;
};

/// The one that weir runs on.  There is one for a process, since signals are the process's.
Kernel& system_kernel();

}  // namespace weir::process
