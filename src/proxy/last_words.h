// SPDX-License-Identifier: Apache-2.0
//
// What a dying worker says about the request that it was working for, in a signal handler: nothing here
// allocates, locks, or calls the system.  Sessions and streams may be half changed or even overwritten;
// whoever cannot be read makes the handler crash, and what was written before that counts.
#pragma once

#include "event/loop.h"
#include "shm/black_box.h"

namespace weir::proxy {

/// Writes the parts Client and Request.  `subject` is a Client, or null.
void write_last_words(const event::Subject* subject, shm::BlackBox& box);

}  // namespace weir::proxy
