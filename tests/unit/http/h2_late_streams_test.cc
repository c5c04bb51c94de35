// SPDX-License-Identifier: Apache-2.0
//
// Closed streams on which frames may still come.
#include "http/h2_late_streams.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

TEST(H2LateStreams, OnlyThoseThatWereAdded) {
  H2LateStreams late(3);
  EXPECT_FALSE(late.may_have(1));
  late.add(5);
  late.add(9);
  EXPECT_TRUE(late.may_have(5) && late.may_have(9));
  EXPECT_FALSE(late.may_have(1) || late.may_have(7) || late.may_have(11));
}

// Nothing is called an error because it was forgotten.
TEST(H2LateStreams, WhatIsForgottenMayHaveFrames) {
  H2LateStreams late(3);
  for (const std::uint32_t stream : {9U, 3U, 21U, 25U, 29U}) late.add(stream);
  for (const std::uint32_t stream : {3U, 7U, 9U, 21U, 25U, 29U})
    EXPECT_TRUE(late.may_have(stream)) << stream;
  EXPECT_FALSE(late.may_have(11) || late.may_have(23) || late.may_have(31));
}

}  // namespace
}  // namespace weir::http
