// SPDX-License-Identifier: Apache-2.0
//
// Clock: where code reads the time.  An event loop is given one, and everything that runs on the loop asks
// the loop; so a unit test that passes a clock of its own decides when time passes.  The daemon runs on
// system_clock().
#pragma once

#include "base/wall_time.h"

#include <cstdint>

namespace weir {

class Clock {
 public:
  /// CLOCK_MONOTONIC in microseconds.  For deadlines and for measuring; never set back.
  virtual std::uint64_t monotonic_us() const noexcept = 0;

  /// Microseconds since the epoch.  For people; it jumps when an administrator sets the date.
  virtual std::int64_t wall_us() const noexcept = 0;

 protected:
  ~Clock() = default;
};

/// The kernel's clocks.
const Clock& system_clock() noexcept;

/// What system_clock().monotonic_us() returns.
std::uint64_t monotonic_us() noexcept;

}  // namespace weir
