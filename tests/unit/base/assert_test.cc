// SPDX-License-Identifier: Apache-2.0
//
// A bug ends the process and says where; what holds costs nothing more than its evaluation.
#include "base/assert.h"

#include <gtest/gtest.h>

#include <signal.h>

namespace weir {
namespace {

TEST(Assert, EvaluatesOnceAndGoesOn) {
  int evaluated = 0;
  WEIR_ASSERT(++evaluated == 1);
  EXPECT_EQ(evaluated, 1);
}

TEST(AssertDeathTest, SaysWhereAndEnds) {
  const int number = 1;
  EXPECT_EXIT(WEIR_ASSERT(number == 2), testing::KilledBySignal(SIGABRT),
              "weir: .*assert_test.cc:[0-9]+: assertion failed: number == 2");
}

TEST(Assert, IsOneStatement) {
  if (true)
    WEIR_ASSERT(true);
  else
    FAIL();
}

}  // namespace
}  // namespace weir
