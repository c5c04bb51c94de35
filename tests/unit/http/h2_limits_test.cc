// SPDX-License-Identifier: Apache-2.0
//
// The buckets of what costs a client nothing: how they empty, and fill again.
#include "http/h2_limits.h"

#include <gtest/gtest.h>

namespace weir::http {
namespace {

TEST(H2Limits, TokensComeBack) {
  H2Limits limits;
  std::uint64_t now = 1'000'000;
  int count = 0;
  while (!limits.count(H2Abuse::Pings, now)) ++count;
  EXPECT_EQ(count, 128);
  now += 1'000'000;
  for (count = 0; !limits.count(H2Abuse::Pings, now);) ++count;
  EXPECT_EQ(count, 10);
  EXPECT_TRUE(limits.count(H2Abuse::Floods, now));
}

TEST(H2Limits, WhatStarvesExplainsNothing) {
  H2Limits limits;
  int count = 0;
  while (!limits.count(H2Abuse::WindowUpdates, 1'000'000)) limits.note_sent(true), ++count;
  EXPECT_EQ(count, 2000);
}

TEST(H2Limits, WhatWasSentExplainsWindowUpdates) {
  H2Limits limits;
  for (int i = 0; i < 100'000; ++i) {
    limits.note_sent(false);
    ASSERT_FALSE(limits.count(H2Abuse::WindowUpdates, 1'000'000)) << i;
    ASSERT_FALSE(limits.count(H2Abuse::WindowUpdates, 1'000'000)) << i;
  }
}

}  // namespace
}  // namespace weir::http
