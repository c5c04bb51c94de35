// SPDX-License-Identifier: Apache-2.0
//
// The second crash puts a request into quarantine, time lets it out, and the table never grows.
#include "shm/quarantine.h"

#include <gtest/gtest.h>

#include <utility>

namespace weir::shm {
namespace {

constexpr std::uint64_t now = 1'000'000;
constexpr std::uint64_t lasts = Quarantine::lasts_us;

Segment make_segment() {
  auto segment = Segment::create({});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

Culprit print(std::uint64_t number) {
  Culprit culprit;
  culprit.fingerprint = number;
  return culprit;
}

TEST(Quarantine, TheSecondCrashCounts) {
  Segment segment = make_segment();
  Quarantine master(segment), worker(segment);
  EXPECT_FALSE(worker.is_used());
  EXPECT_EQ(master.note(print(7), now), 1U);
  EXPECT_EQ(master.note(print(8), now), 1U);
  EXPECT_FALSE(worker.is_used());
  EXPECT_FALSE(worker.holds(7, now));
  EXPECT_EQ(master.note(print(7), now + 1), 2U);
  EXPECT_TRUE(worker.is_used());
  EXPECT_EQ(worker.size(), 1U);
  EXPECT_TRUE(worker.holds(7, now + 2));
  EXPECT_FALSE(worker.holds(8, now + 2));
  EXPECT_FALSE(worker.holds(0, now + 2));
}

TEST(Quarantine, ItEnds) {
  Segment segment = make_segment();
  Quarantine table(segment);
  table.note(print(7), now);
  table.note(print(7), now + 10);
  EXPECT_TRUE(table.holds(7, now + 10 + lasts - 1));
  EXPECT_FALSE(table.holds(7, now + 10 + lasts));
  EXPECT_EQ(table.expire(now + 20), now + 10 + lasts);
  EXPECT_TRUE(table.is_used());
  EXPECT_EQ(table.expire(now + 10 + lasts), 0U);
  EXPECT_FALSE(table.is_used());
  EXPECT_EQ(table.note(print(7), now + 11 + lasts), 1U);
}

TEST(Quarantine, ASuspectIsForgottenToo) {
  Segment segment = make_segment();
  Quarantine table(segment);
  table.note(print(7), now);
  EXPECT_EQ(table.note(print(7), now + lasts), 1U);
  EXPECT_EQ(table.note(print(7), now + lasts + 1), 2U);
}

TEST(Quarantine, SuspectsGiveWayBeforeThoseWhoAreRefused) {
  Segment segment = make_segment();
  Quarantine table(segment);
  for (std::uint64_t i = 1; i <= Quarantine::places; ++i) {
    table.note(print(i), now + i);
    if (i > 2) table.note(print(i), now + i);
  }
  EXPECT_EQ(table.size(), Quarantine::places - 2);
  // 1 and 2 are suspects: a new one takes the place of the older.
  EXPECT_EQ(table.note(print(100), now + 200), 1U);
  EXPECT_EQ(table.note(print(2), now + 201), 2U);
  EXPECT_EQ(table.note(print(100), now + 202), 2U);
  EXPECT_EQ(table.size(), Quarantine::places);
  // Now all are refused: that which ends first goes.
  EXPECT_EQ(table.note(print(101), now + 203), 1U);
  EXPECT_FALSE(table.holds(3, now + 203));
  EXPECT_TRUE(table.holds(4, now + 203));
  // And an end makes room at once, without expire().
  EXPECT_EQ(table.note(print(102), now + 4 + lasts), 1U);
  EXPECT_TRUE(table.holds(5, now + 4 + lasts));
}

}  // namespace
}  // namespace weir::shm
