// SPDX-License-Identifier: Apache-2.0
//
// Moments as people read them.
#include "base/wall_time.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

struct Moment {
  std::int64_t wall_us;
  std::string_view text;
};

class WallTime : public testing::TestWithParam<Moment> {};

TEST_P(WallTime, IsUtcWithMilliseconds) {
  char out[wall_time_size + 8];
  EXPECT_EQ(format_wall_time(GetParam().wall_us, out), GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    Moments, WallTime,
    testing::Values(Moment{0, "1970-01-01T00:00:00.000Z"}, Moment{999, "1970-01-01T00:00:00.000Z"},
                    Moment{1'000, "1970-01-01T00:00:00.001Z"},
                    Moment{951'782'400'999'999, "2000-02-29T00:00:00.999Z"},
                    Moment{1'795'226'400'123'000, "2026-11-21T02:00:00.123Z"},
                    Moment{4'107'542'399'000'000, "2100-02-28T23:59:59.000Z"}));

TEST(WallClock, TicksInMicroseconds) {
  EXPECT_GT(wall_clock_us(), 1'600'000'000'000'000);
  EXPECT_LT(wall_clock_us(), 16'000'000'000'000'000);
}

}  // namespace
}  // namespace weir
