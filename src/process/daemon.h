// SPDX-License-Identifier: Apache-2.0
//
// Daemon: going into the background without losing the answer to "did it start?".
#pragma once

#include "base/fd.h"

namespace weir::process {

class Daemon {
 public:
  /// Forks: true in the process that goes on, in a session of its own; false in the one that waits.
  bool detach();

  /// In the waiting process: 0 once the other has started, 1 if it ended before.
  int wait_for_start();

  /// In the process that goes on: it has started; lets go of the terminal.
  void started();

 private:
  Fd news_;
};

}  // namespace weir::process
