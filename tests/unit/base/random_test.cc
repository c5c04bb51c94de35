// SPDX-License-Identifier: Apache-2.0
//
// The generator: the published sequence, the same for the same seed, even below a bound.
#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace weir {
namespace {

// xoshiro256** seeded with splitmix64, as other implementations of it give it for these seeds.
TEST(Random, IsXoshiro256StarStar) {
  Random zero(0), other(42);
  EXPECT_EQ(zero(), 0x99ec5f36cb75f2b4U);
  EXPECT_EQ(zero(), 0xbf6e1f784956452aU);
  EXPECT_EQ(zero(), 0x1a5f849d4933e6e0U);
  EXPECT_EQ(other(), 0x15780b2e0c2ec716U);
  EXPECT_EQ(other(), 0x6104d9866d113a7eU);
}

TEST(Random, RepeatsItselfForTheSameSeedOnly) {
  Random one(7), same(7), next(8);
  int differ = 0;
  for (int i = 0; i < 100; ++i) {
    const std::uint64_t number = one();
    EXPECT_EQ(number, same());
    differ += number != next();
  }
  EXPECT_EQ(differ, 100);
}

TEST(Random, IsEvenBelowABound) {
  Random random(3);
  std::vector<int> seen(6);
  for (int i = 0; i < 60'000; ++i) {
    const std::uint32_t number = random.below(6);
    ASSERT_LT(number, 6U);
    ++seen[number];
  }
  for (int count : seen) EXPECT_NEAR(count, 10'000, 400);
}

TEST(Random, ReachesBothEndsOfItsBounds) {
  Random random(5);
  std::uint32_t least = UINT32_MAX, most = 0;
  for (int i = 0; i < 10'000; ++i) {
    EXPECT_EQ(random.below(1), 0U);
    const std::uint32_t number = random.below(UINT32_MAX);
    least = std::min(least, number);
    most = std::max(most, number);
  }
  EXPECT_LT(least, UINT32_MAX / 1000);
  EXPECT_GT(most, UINT32_MAX / 1000 * 999);
}

}  // namespace
}  // namespace weir
