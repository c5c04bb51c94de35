// SPDX-License-Identifier: Apache-2.0
#include "base/clock.h"

#include <time.h>

namespace weir {

namespace {

class SystemClock final : public Clock {
 public:
  std::uint64_t monotonic_us() const noexcept override { return weir::monotonic_us(); }
  std::int64_t wall_us() const noexcept override { return wall_clock_us(); }
};

constexpr SystemClock the_system_clock;

}  // namespace

const Clock& system_clock() noexcept { return the_system_clock; }

std::uint64_t monotonic_us() noexcept {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace weir
