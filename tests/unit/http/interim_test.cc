// SPDX-License-Identifier: Apache-2.0
//
// How many interim answers pass.
#include "http/interim.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

TEST(InterimBudget, BothLimitsAreExact) {
  InterimBudget heads;
  for (std::uint32_t i = 0; i < InterimBudget::most_heads; ++i) EXPECT_TRUE(heads.spend(1));
  EXPECT_FALSE(heads.spend(1));
  InterimBudget bytes;
  EXPECT_TRUE(bytes.spend(InterimBudget::most_bytes));
  EXPECT_FALSE(bytes.spend(1));
  InterimBudget at_once;
  EXPECT_FALSE(at_once.spend(InterimBudget::most_bytes + 1));
}

}  // namespace
}  // namespace weir::http
