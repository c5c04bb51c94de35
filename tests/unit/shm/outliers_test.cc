// SPDX-License-Identifier: Apache-2.0
//
// Many processes want to be the one that tries a half-open server.
#include "shm/outliers.h"

#include "shm/child.h"

#include <gtest/gtest.h>

#include <sys/mman.h>
#include <unistd.h>

#include <new>
#include <utility>
#include <vector>

namespace weir::shm {
namespace {

Segment make_segment(std::uint32_t servers = 4) {
  auto segment = Segment::create({.workers = 8, .servers = servers});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

// Children that begin at once, when the last one is there; waits for their end.
template <typename Work>
void run_in_processes(std::uint32_t count, Work work) {
  int gate[2];
  ASSERT_EQ(pipe(gate), 0);
  std::vector<Child> children;
  for (std::uint32_t i = 0; i < count; ++i)
    children.emplace_back([&] {
      char none;
      close(gate[1]);
      if (read(gate[0], &none, 1) != 0) _exit(1);
      work(i);
    });
  close(gate[0]);
  close(gate[1]);
  for (Child& child : children) EXPECT_EQ(child.wait(), 0);
}

// A number for each server that children may add to.
struct SharedCounts {
  explicit SharedCounts(std::uint32_t count)
      : size(count * sizeof(std::atomic<std::uint32_t>)),
        cells(static_cast<std::atomic<std::uint32_t>*>(
            mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  ~SharedCounts() { munmap(cells, size); }
  std::size_t size;
  std::atomic<std::uint32_t>* cells;
};

TEST(Outliers, ExactlyOneOfManyProcessesGetsTheClaim) {
  constexpr std::uint32_t servers = 20'000;
  Segment segment = make_segment(servers);
  SharedCounts winners(servers);
  // First the claim is free; then all claims have lapsed.
  for (std::uint64_t now : {100, 110}) {
    run_in_processes(8, [&](std::uint32_t worker) {
      Outliers mine(segment);
      for (std::uint32_t server = 0; server < servers; ++server)
        if (mine.claim(server, worker, 1, now, 10)) ++winners.cells[server];
    });
    Outliers all(segment);
    for (std::uint32_t server = 0; server < servers; ++server) {
      ASSERT_EQ(winners.cells[server].exchange(0), 1U) << server << " at " << now;
      ASSERT_TRUE(all.is_claimed(server));
    }
  }
}

TEST(Outliers, AClaimLapses) {
  Segment segment = make_segment();
  Outliers outliers(segment);
  EXPECT_FALSE(outliers.is_claimed(1));
  EXPECT_TRUE(outliers.claim(1, 0, 1, 100, 5));
  EXPECT_TRUE(outliers.is_claimed(1));
  EXPECT_FALSE(outliers.is_claimed(0));
  EXPECT_FALSE(outliers.claim(1, 0, 1, 100, 5));
  EXPECT_FALSE(outliers.claim(1, 3, 1, 104, 5));
  EXPECT_TRUE(outliers.claim(1, 3, 1, 105, 5));
  EXPECT_FALSE(outliers.claim(1, 0, 1, 109, 5));
  outliers.reset(1);
  EXPECT_FALSE(outliers.is_claimed(1));
  EXPECT_TRUE(outliers.claim(1, 0, 1, 105, 5));
}

TEST(Outliers, AClaimWithoutEndLastsLong) {
  Segment segment = make_segment();
  Outliers outliers(segment);
  EXPECT_TRUE(outliers.claim(0, 2, 1, 1'000'000, UINT64_MAX));
  EXPECT_FALSE(outliers.claim(0, 1, 1, 2'000'000'000, 5));
}

TEST(Outliers, TheClaimOfADeadWorkerIsTaken) {
  Segment segment = make_segment();
  Outliers outliers(segment);
  EXPECT_FALSE(outliers.release_dead(2, 7, 3));
  ASSERT_TRUE(outliers.claim(2, 7, 3, 100, 50));
  EXPECT_FALSE(outliers.release_dead(2, 7, 3)) << "it lives";
  EXPECT_FALSE(outliers.release_dead(2, 6, 4)) << "another one died";
  EXPECT_TRUE(outliers.is_claimed(2));
  EXPECT_TRUE(outliers.release_dead(2, 7, 4));
  EXPECT_FALSE(outliers.is_claimed(2));
  EXPECT_TRUE(outliers.claim(2, 6, 1, 100, 50));
  EXPECT_FALSE(outliers.release_dead(2, 7, 4));
}

TEST(Outliers, FailuresInARowAreCountedOverProcesses) {
  Segment segment = make_segment();
  SharedCounts thirds(2);
  run_in_processes(8, [&](std::uint32_t) {
    Outliers mine(segment);
    for (int i = 0; i < 10'000; ++i) {
      if (mine.fail_connect(3) == 30'000) ++thirds.cells[0];
      if (mine.fail_status(3) == 30'000) ++thirds.cells[1];
    }
  });
  EXPECT_EQ(thirds.cells[0], 1U) << "one of them reaches the limit";
  EXPECT_EQ(thirds.cells[1], 1U);
  Outliers outliers(segment);
  EXPECT_EQ(outliers.fail_connect(3), 80'001U);
  EXPECT_EQ(outliers.fail_status(2), 1U);
}

TEST(Outliers, WhatWentWellEndsItsOwnRow) {
  Segment segment = make_segment();
  Outliers outliers(segment);
  outliers.fail_connect(0);
  outliers.fail_status(0);
  outliers.pass_connect(0);
  EXPECT_EQ(outliers.fail_connect(0), 1U);
  EXPECT_EQ(outliers.fail_status(0), 2U);
  outliers.pass_status(0);
  EXPECT_EQ(outliers.fail_connect(0), 2U);
  EXPECT_EQ(outliers.fail_status(0), 1U);
  outliers.reset(0);
  EXPECT_EQ(outliers.fail_connect(0), 1U);
  EXPECT_EQ(outliers.fail_status(0), 1U);
}

}  // namespace
}  // namespace weir::shm
