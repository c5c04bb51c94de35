// SPDX-License-Identifier: Apache-2.0
//
// Numbers and whose they are, as other mappings see them.
#include "shm/identities.h"

#include <gtest/gtest.h>

#include <unistd.h>

namespace weir::shm {
namespace {

TEST(Identities, AreSeenByOtherMappingsAndKeptApartByKind) {
  auto segment = Segment::create({.listeners = 2, .routes = 4, .backends = 3});
  ASSERT_TRUE(segment);
  Identities mine(*segment);
  EXPECT_EQ(mine.size(Of::Route), 0U);
  EXPECT_FALSE(mine.find(Of::Route, 11));
  mine.set(Of::Listener, 1, 10);
  mine.set(Of::Route, 3, 11);
  mine.set(Of::Route, 0, 12);
  mine.set(Of::Backend, 2, 11);
  auto attached = Segment::attach(dup(segment->fd()));
  ASSERT_TRUE(attached);
  const Identities other(*attached);
  EXPECT_EQ(other.size(Of::Listener), 2U);
  EXPECT_EQ(other.size(Of::Route), 4U);
  EXPECT_EQ(other.size(Of::Backend), 3U);
  EXPECT_EQ(other.find(Of::Route, 11), 3U);
  EXPECT_EQ(other.find(Of::Route, 12), 0U);
  EXPECT_EQ(other.find(Of::Backend, 11), 2U);
  EXPECT_FALSE(other.find(Of::Listener, 11));
  EXPECT_EQ(other.hash(Of::Route, 1), 0U);
  EXPECT_EQ(other.capacity(Of::Route), 4U);
}

TEST(Identities, ANumberGivenAgainIsTheNewOnes) {
  auto segment = Segment::create({.backends = 2});
  ASSERT_TRUE(segment);
  Identities identities(*segment);
  identities.set(Of::Backend, 0, 5);
  const std::uint64_t tick = identities.tick();
  identities.note_used(Of::Backend, 0, tick);
  EXPECT_EQ(identities.used_at(Of::Backend, 0), tick);
  EXPECT_GT(identities.tick(), tick);
  identities.set(Of::Backend, 0, 6);
  EXPECT_FALSE(identities.find(Of::Backend, 5));
  EXPECT_EQ(identities.find(Of::Backend, 6), 0U);
  EXPECT_EQ(identities.size(Of::Backend), 1U);
}

}  // namespace
}  // namespace weir::shm
