// SPDX-License-Identifier: Apache-2.0
//
// Crash: what a worker, or control, still does when it dies of a signal that it can catch: it writes into its black
// box what it was doing, on a stack of its own, with calls that are safe in a signal handler only.  A
// second fault meanwhile ends it at once, since these signals are blocked then; what it has written counts.
#pragma once

#include "event/loop.h"
#include "shm/black_box.h"

namespace weir::process {

/// Writes down what the loop works for, from part Client on; null = for nobody in particular.
using TellSubject = void (*)(const event::Subject* subject, shm::BlackBox& box);

/// From now on SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT leave last words.  `loop` and the segment behind
/// `box` must live until the process ends.  Once a process, before it gives up its rights, on the loop's thread:
/// another one that crashes is the builder, and what the loop works for is not to blame.
void leave_last_words(const event::Loop& loop, shm::BlackBox box, TellSubject tell);

/// For a process in which every subject is an event::Errand.
void write_errand(const event::Subject* subject, shm::BlackBox& box);

}  // namespace weir::process
