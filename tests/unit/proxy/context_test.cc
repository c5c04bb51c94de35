// SPDX-License-Identifier: Apache-2.0
//
// What a kind of work has taken of a turn: nothing yet in the next one.
#include "proxy/context.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

TEST(Share, IsSpentInOneTurn) {
  Share share;
  EXPECT_EQ(share.spent(7), 0U);
  share.spend(7, 999);
  share.spend(7, 1);
  EXPECT_EQ(share.spent(7), 1000U);
  EXPECT_EQ(share.spent(8), 0U);
  share.spend(8, 5000);
  EXPECT_EQ(share.spent(8), 5000U);
  share.spend(9, 1);
  EXPECT_EQ(share.spent(9), 1U);
}

}  // namespace
}  // namespace weir::proxy
