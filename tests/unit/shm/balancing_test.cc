// SPDX-License-Identifier: Apache-2.0
//
// What balancers know together: words of servers and sets apart from each other, and times that average.
#include "shm/balancing.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <limits>
#include <utility>

namespace weir::shm {
namespace {

Segment make_segment() {
  auto segment = Segment::create({.workers = 2, .servers = 3, .backends = 2});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

TEST(Balancing, WordsAreSharedAndTheirOwnersAlone) {
  Segment segment = make_segment();
  Balancing one(segment), other(segment);
  std::uint64_t value = 0;
  for (std::uint32_t slot = 0; slot < 3; ++slot)
    for (auto& word : one.of_server(slot)) word = ++value;
  for (std::uint32_t backend = 0; backend < 2; ++backend)
    for (std::uint32_t set = 0; set < Balancing::sets; ++set)
      for (auto& word : one.of_set(backend, set)) word = ++value;
  value = 0;
  for (std::uint32_t slot = 0; slot < 3; ++slot)
    for (auto& word : other.of_server(slot)) EXPECT_EQ(word, ++value);
  for (std::uint32_t backend = 0; backend < 2; ++backend)
    for (std::uint32_t set = 0; set < Balancing::sets; ++set)
      for (auto& word : other.of_set(backend, set)) EXPECT_EQ(word, ++value);

  one.forget_server(1);
  one.forget_sets(0);
  EXPECT_EQ(other.of_server(1)[3], 0U);
  EXPECT_NE(other.of_server(0)[3], 0U);
  EXPECT_NE(other.of_server(2)[0], 0U);
  EXPECT_EQ(other.of_set(0, 0)[0], 0U);
  EXPECT_EQ(other.of_set(0, 1)[3], 0U);
  EXPECT_NE(other.of_set(1, 0)[0], 0U);
}

TEST(Balancing, LatencyFollowsWhatIsSeen) {
  Segment segment = make_segment();
  Balancing balancing(segment);
  EXPECT_EQ(balancing.latency(2), 0U);
  balancing.note_latency(2, 1000);
  EXPECT_EQ(balancing.latency(2), 1000U);
  balancing.note_latency(2, 9000);
  EXPECT_EQ(balancing.latency(2), 2000U);
  for (int i = 0; i < 200; ++i) balancing.note_latency(2, 100);
  EXPECT_NEAR(balancing.latency(2), 100, 8);
  EXPECT_EQ(balancing.latency(1), 0U);
  balancing.forget_server(2);
  EXPECT_EQ(balancing.latency(2), 0U);
}

TEST(Balancing, LatencyHasBounds) {
  Segment segment = make_segment();
  Balancing balancing(segment);
  balancing.note_latency(0, 0);
  EXPECT_EQ(balancing.latency(0), 1U) << "0 would say that nothing is known";
  balancing.forget_server(0);
  balancing.note_latency(0, std::numeric_limits<std::uint64_t>::max());
  EXPECT_EQ(balancing.latency(0), std::numeric_limits<std::uint32_t>::max());
  for (int i = 0; i < 500; ++i) balancing.note_latency(0, 1);
  EXPECT_GE(balancing.latency(0), 1U);
}

}  // namespace
}  // namespace weir::shm
