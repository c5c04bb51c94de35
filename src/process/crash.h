// SPDX-License-Identifier: Apache-2.0
//
// Crash: what a worker still does when it dies of a signal that it can catch: it writes into its black
// box what it was doing, on a stack of its own, with calls that are safe in a signal handler only.  A
// second fault meanwhile ends it at once, since these signals are blocked then; what it has written counts.
#pragma once

#include "event/loop.h"
#include "shm/black_box.h"

namespace weir::process {

/// From now on SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT leave last words.  `loop` and the segment behind
/// `box` must live until the process ends.  Once a process, before it gives up its rights.
void leave_last_words(const event::Loop& loop, shm::BlackBox box);

}  // namespace weir::process
