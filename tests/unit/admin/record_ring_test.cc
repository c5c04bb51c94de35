// SPDX-License-Identifier: Apache-2.0
//
// A ring of records against a plain list of what should be in it.
#include "admin/record_ring.h"

#include "base/random.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weir::admin {
namespace {

struct Kept {
  std::int64_t time_us;
  std::string first, last;
};

void expect_same(const RecordRing& ring, const std::vector<Kept>& all) {
  ASSERT_EQ(ring.last(), all.size());
  for (std::uint64_t number = ring.first(); number <= ring.last(); ++number) {
    RecordRing::Record record = ring.at(number);
    EXPECT_EQ(record.time_us, all[number - 1].time_us);
    EXPECT_EQ(record.field[0], all[number - 1].first);
    EXPECT_EQ(record.field[5], all[number - 1].last);
  }
}

TEST(RecordRing, IsEmptyAtFirst) {
  RecordRing ring(4096, 10);
  EXPECT_EQ(ring.last(), 0u);
  EXPECT_EQ(ring.first(), 1u);
}

TEST(RecordRing, KeepsTheLastOnes) {
  RecordRing ring(4096, 3);
  for (std::int64_t i = 1; i <= 5; ++i) ring.add({i, {std::to_string(i)}});
  EXPECT_EQ(ring.first(), 3u);
  EXPECT_EQ(ring.last(), 5u);
  EXPECT_EQ(ring.at(3).field[0], "3");
  EXPECT_EQ(ring.at(5).time_us, 5);
}

TEST(RecordRing, CutsWhatIsTooLong) {
  RecordRing ring(64 * 100, 10);
  ring.add({1, {std::string(1000, 'x'), "next"}});
  EXPECT_EQ(ring.at(1).field[0], std::string(100, 'x'));
  EXPECT_EQ(ring.at(1).field[1], "next");
}

TEST(RecordRing, HoldsWhatItTellsWhateverTheSizes) {
  Random random(7);
  for (std::size_t room : {2048u, 4096u, 10'000u}) {
    RecordRing ring(room, 50);
    std::vector<Kept> all;
    const std::size_t fit = std::min<std::size_t>(50, room / 2 / 96);
    for (std::int64_t i = 1; i <= 2000; ++i) {
      all.push_back({i, std::string(random.below(32), static_cast<char>('a' + i % 26)),
                     std::string(random.below(32), 'z')});
      ring.add({i, {all.back().first, "", "", "", "", all.back().last}});
      ASSERT_LE(ring.last() - ring.first() + 1, 50u);
      // No record is pushed out that there is room for.
      ASSERT_GE(ring.last() - ring.first() + 1, std::min(all.size(), fit));
      expect_same(ring, all);
    }
  }
}

}  // namespace
}  // namespace weir::admin
