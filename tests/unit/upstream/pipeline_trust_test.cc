// SPDX-License-Identifier: Apache-2.0
//
// How a server earns trust in the order of its answers, and for how long it loses it.
#include "upstream/pipeline_trust.h"

#include <gtest/gtest.h>

namespace weir::upstream {
namespace {

constexpr std::uint64_t second = 1'000'000;

struct PipelineTrustTest : testing::Test {
  void earn() {
    for (std::uint32_t i = 0; i < PipelineTrust::answers_needed; ++i) trust.note_answer();
  }
  /// The first moment from `now` on at which it holds.
  std::uint64_t lost_for(std::uint64_t now) {
    earn();
    std::uint64_t time = 0;
    while (!trust.holds(now + time)) time += second;
    return time;
  }
  PipelineTrust trust;
};

TEST_F(PipelineTrustTest, IsEarned) {
  for (std::uint32_t i = 0; i < PipelineTrust::answers_needed; ++i) {
    EXPECT_FALSE(trust.holds(1));
    trust.note_answer();
  }
  EXPECT_TRUE(trust.holds(1));
}

TEST_F(PipelineTrustTest, IsLostForLongerWithEachFault) {
  std::uint64_t now = 100 * second;
  for (const std::uint64_t expected : {10, 20, 40, 80, 160, 320, 600, 600}) {
    EXPECT_EQ(trust.note_fault(now), expected * second);
    EXPECT_EQ(lost_for(now), expected * second);
    now += expected * second;
  }
  // What was long ago is forgotten.
  EXPECT_EQ(trust.note_fault(now + 601 * second), 10 * second);
}

TEST_F(PipelineTrustTest, WhatEndsSeveralConnectionsAtATimeIsOneFault) {
  const std::uint64_t now = 100 * second;
  EXPECT_EQ(trust.note_fault(now), 10 * second);
  EXPECT_EQ(trust.note_fault(now), 0);
  EXPECT_EQ(trust.note_fault(now + 9 * second), 0);
  EXPECT_EQ(lost_for(now), 10 * second);
  EXPECT_EQ(trust.note_fault(now + 10 * second), 20 * second);
}

TEST_F(PipelineTrustTest, IsLostForAShortTimeIfTheServerIsSlow) {
  std::uint64_t now = 100 * second;
  for (const std::uint64_t expected : {1, 2, 4, 8, 16, 32, 60, 60}) {
    trust.note_slow(now);
    EXPECT_EQ(lost_for(now), expected * second);
    now += expected * second;
  }
  trust.note_fault(now);
  trust.note_slow(now + second);
  EXPECT_EQ(lost_for(now + second), 60 * second) << "the pause lasts longer than the fault";
}

TEST_F(PipelineTrustTest, HasToBeEarnedAgain) {
  earn();
  trust.note_fault(1);
  EXPECT_FALSE(trust.holds(100 * second));
  earn();
  EXPECT_TRUE(trust.holds(100 * second));
}

TEST_F(PipelineTrustTest, MayBeLostForEver) {
  EXPECT_TRUE(trust.lose_for_ever());
  EXPECT_FALSE(trust.lose_for_ever());
  earn();
  EXPECT_FALSE(trust.holds(1000 * second));
}

}  // namespace
}  // namespace weir::upstream
