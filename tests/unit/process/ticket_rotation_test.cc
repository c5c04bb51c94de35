// SPDX-License-Identifier: Apache-2.0
//
// When the keys of session tickets change hands.
#include "process/ticket_rotation.h"

#include "base/wall_time.h"

#include <gtest/gtest.h>

#include <cstring>

namespace weir::process {
namespace {

shm::Segment make_segment() {
  auto segment = shm::Segment::create({.workers = 1, .servers = 1});
  EXPECT_TRUE(segment) << (segment ? "" : segment.error().text());
  return std::move(*segment);
}

bool are_equal(const shm::TicketKey& a, const shm::TicketKey& b) {
  return std::memcmp(&a, &b, sizeof(a)) == 0;
}

struct TicketRotationTest : testing::Test {
  /// The keys after a start when the newest one was made so long ago.
  shm::TicketKeys::Ring ring_after(std::int64_t age_us) {
    keys.rotate(known, wall_clock_us() - age_us);
    TicketRotation(loop, segment).start();
    return keys.read();
  }

  event::Loop loop;
  shm::Segment segment = make_segment();
  shm::TicketKeys keys{segment};
  const shm::TicketKey known{{1}, {2}, {3}};
};

TEST_F(TicketRotationTest, TheFirstKeyIsMadeAtOnce) {
  TicketRotation(loop, segment).start();
  ASSERT_TRUE(keys.has_key());
  EXPECT_EQ(keys.read().count, 1u);
  EXPECT_FALSE(are_equal(keys.read().keys[0], shm::TicketKey{}));
}

TEST_F(TicketRotationTest, AYoungKeyStaysWhoeverBegins) {
  const auto ring = ring_after(TicketRotation::period_us - 60'000'000);
  EXPECT_EQ(ring.count, 1u);
  EXPECT_TRUE(are_equal(ring.keys[0], known));
}

TEST_F(TicketRotationTest, AnOldKeyIsFollowedByANewOneAndStillAccepted) {
  const auto ring = ring_after(TicketRotation::period_us);
  ASSERT_EQ(ring.count, 2u);
  EXPECT_FALSE(are_equal(ring.keys[0], known));
  EXPECT_TRUE(are_equal(ring.keys[1], known));
  EXPECT_GE(ring.made_us, wall_clock_us() - 60'000'000);
}

// Else a clock that was set back would keep one key for as long.
TEST_F(TicketRotationTest, AKeyOfTheFutureIsFollowedAtOnce) {
  EXPECT_EQ(ring_after(-3600'000'000).count, 2u);
}

}  // namespace
}  // namespace weir::process
