// SPDX-License-Identifier: Apache-2.0
//
// Commands about requests that have crashed workers, and the event of one that is refused from now on.
#pragma once

#include "admin/command.h"

namespace weir::admin {

void show_quarantine(const Call& call, Reply& reply);
void clear_quarantine(const Call& call, Reply& reply);

/// Adds an event for each that has been put in quarantine since `since_us` of the monotonic clock.  Returns what to
/// call it with the next time.
std::uint64_t tell_quarantined(Fleet& fleet, std::uint64_t since_us);

}  // namespace weir::admin
