// SPDX-License-Identifier: Apache-2.0
//
// The share of a turn that a kind of work has: spent in this turn, whole again in the next one.
#include "proxy/context.h"

#include <gtest/gtest.h>

namespace weir::proxy {
namespace {

TEST(Share, IsSpentUntilTheNextTurn) {
  Share share(1000);
  EXPECT_FALSE(share.is_spent(7));
  share.spend(7, 999);
  EXPECT_FALSE(share.is_spent(7));
  share.spend(7, 1);
  EXPECT_TRUE(share.is_spent(7));
  EXPECT_FALSE(share.is_spent(8));
  share.spend(8, 5000);
  EXPECT_TRUE(share.is_spent(8));
  share.spend(9, 1);
  EXPECT_FALSE(share.is_spent(9));
}

}  // namespace
}  // namespace weir::proxy
