// SPDX-License-Identifier: Apache-2.0
//
// BodyMemory: who gets some of it, what a smaller limit means for those who have some, and what the journal is told.
#include "proxy/body_memory.h"

#include "fakes/fake_journal.h"

#include <gtest/gtest.h>

#include <optional>

namespace weir::proxy {
namespace {

using Share = BodyMemory::Share;

struct BodyMemoryTest : testing::Test {
  test::FakeJournal journal;
  BodyMemory memory{journal};
};

TEST_F(BodyMemoryTest, ThereIsSomeUpToTheLimit) {
  memory.limit(100);
  Share first(memory), second(memory);
  EXPECT_TRUE(first.grow(60));
  EXPECT_TRUE(second.grow(40));
  EXPECT_FALSE(first.grow(1));
  EXPECT_TRUE(first.grow(0));
  EXPECT_FALSE(second.grow(UINT64_MAX)) << "no sum flows over";
  EXPECT_EQ(first.held(), 60U);
  EXPECT_EQ(memory.held(), 100U);
  EXPECT_EQ(journal.body_memory, 100U);
  second.shrink_to(50);
  EXPECT_EQ(second.held(), 40U) << "it is no more than that";
  second.shrink_to(10);
  EXPECT_TRUE(first.grow(30));
  EXPECT_EQ(memory.held(), 100U);
}

TEST_F(BodyMemoryTest, AShareGivesItBackAtItsEnd) {
  std::optional<Share> share(std::in_place, memory);
  EXPECT_TRUE(share->grow(7));
  EXPECT_EQ(journal.body_memory, 7U);
  share.reset();
  EXPECT_EQ(memory.held(), 0U);
  EXPECT_EQ(journal.body_memory, 0U);
}

TEST_F(BodyMemoryTest, ASmallerLimitIsForThoseWhoComeThen) {
  memory.limit(100);
  Share first(memory), second(memory), third(memory), heir(memory, true);
  EXPECT_TRUE(first.grow(40));
  EXPECT_TRUE(second.grow(40));
  memory.limit(50);
  EXPECT_FALSE(third.grow(1));
  EXPECT_TRUE(first.grow(10)) << "it began under the former limit";
  EXPECT_TRUE(heir.grow(10));
  EXPECT_FALSE(second.grow(1)) << "which still holds";
  heir.shrink_to(0);
  second.shrink_to(0);
  EXPECT_EQ(memory.held(), 50U);
  EXPECT_FALSE(first.grow(1)) << "now it has come down to the new one";
  first.shrink_to(20);
  EXPECT_TRUE(third.grow(30));
  EXPECT_FALSE(third.grow(1));
}

TEST_F(BodyMemoryTest, SomeTakeItWithoutAsking) {
  memory.limit(10);
  Share passing(memory), collecting(memory);
  passing.add(30);
  EXPECT_EQ(memory.held(), 30U);
  EXPECT_EQ(journal.body_memory, 30U);
  EXPECT_FALSE(collecting.grow(1));
  EXPECT_FALSE(passing.grow(1));
  passing.shrink_to(9);
  EXPECT_TRUE(collecting.grow(1));
}

TEST_F(BodyMemoryTest, LimitsThatFollowEachOther) {
  memory.limit(100);
  Share share(memory), late(memory);
  EXPECT_TRUE(share.grow(80));
  memory.limit(10);
  memory.limit(20);
  EXPECT_TRUE(share.grow(20)) << "the highest that it has known";
  memory.limit(200);
  EXPECT_TRUE(late.grow(100));
  EXPECT_FALSE(late.grow(1));
}

}  // namespace
}  // namespace weir::proxy
