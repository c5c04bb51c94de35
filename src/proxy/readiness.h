// SPDX-License-Identifier: Apache-2.0
//
// Readiness: whether whoever is in front of weir should send clients here.  Read from shared memory, so that
// every worker and control give the same answer, whatever becomes of any other process.
#pragma once

#include "shm/segment.h"

#include <cstdint>
#include <string_view>

namespace weir::proxy {

/// Why no clients should be sent to a listener, in a few words; empty = it is ready.
std::string_view why_not_ready(const shm::Segment& segment, std::uint32_t listener);

/// The same for weir as a whole.
std::string_view why_not_ready(const shm::Segment& segment);

}  // namespace weir::proxy
