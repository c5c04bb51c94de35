// SPDX-License-Identifier: Apache-2.0
//
// Counts of several workers, one of which is killed while it counts; the buckets of histograms.
#include "shm/counters.h"

#include "shm/child.h"

#include <gtest/gtest.h>

#include <sched.h>
#include <sys/stat.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <utility>
#include <vector>

namespace weir::shm {
namespace {

Segment make_segment(std::uint32_t workers) {
  auto segment = Segment::create(
      {.workers = workers, .servers = 5, .listeners = 2, .routes = 100, .backends = 3});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

std::uint64_t middle(std::size_t bucket) {
  return (Buckets::begin(bucket) + Buckets::end(bucket) - 1) / 2;
}

double error_of_middle(std::uint64_t value) {
  auto middle_of_it = static_cast<double>(middle(Buckets::index(value)));
  auto exact = static_cast<double>(value);
  return exact == 0 ? middle_of_it : std::abs(middle_of_it - exact) / exact;
}

TEST(Buckets, CoverAllValuesWithoutGapOrOverlap) {
  EXPECT_EQ(Buckets::begin(0), 0U);
  EXPECT_EQ(Buckets::end(Buckets::count - 1), Buckets::most);
  for (std::size_t i = 0; i < Buckets::count; ++i) {
    ASSERT_LT(Buckets::begin(i), Buckets::end(i));
    ASSERT_EQ(Buckets::index(Buckets::begin(i)), i);
    ASSERT_EQ(Buckets::index(Buckets::end(i) - 1), i);
  }
  EXPECT_EQ(Buckets::index(Buckets::most), Buckets::count - 1);
  EXPECT_EQ(Buckets::index(UINT64_MAX), Buckets::count - 1);
}

TEST(Buckets, GrowWithTheValue) {
  std::size_t before = 0;
  for (std::uint64_t us = 0; us < 5'000'000; ++us) {
    std::size_t index = Buckets::index(us);
    ASSERT_TRUE(index == before || index == before + 1) << us;
    before = index;
  }
}

TEST(Buckets, MiddleIsNearEveryValue) {
  for (std::uint64_t us = 0; us < 1'000'000; ++us) ASSERT_LE(error_of_middle(us), 0.016) << us;
  // The ends of a bucket are farthest from its middle.
  for (std::size_t i = 0; i < Buckets::count; ++i) {
    ASSERT_LE(error_of_middle(Buckets::begin(i)), 0.016) << i;
    ASSERT_LE(error_of_middle(Buckets::end(i) - 1), 0.016) << i;
  }
}

Finished lasting(std::uint64_t us) { return {2, false, 0, 0, us}; }

TEST(Counters, ARequestCountsByHowItEnded) {
  Segment segment = make_segment(1);
  Counters counters(segment, 0);
  counters.add(Of::Route, 7, Finished(4, false, 10, 200, 1000));
  counters.add(Of::Route, 7, Finished(5, true, 20, 300, 2000));
  counters.add(Of::Route, 7, Finished(0, true, 30, 0, 5));
  counters.add(Of::Route, 7, Finished(9, false, 0, 0, 0));  // 999 is a status that no one knows
  const Counted sum = counters.sum(Of::Route, 7);
  EXPECT_EQ(sum[Tally::Requests], 4U);
  EXPECT_EQ(sum[Tally::NoStatus], 2U);
  EXPECT_EQ(sum[Tally::Status4xx], 1U);
  EXPECT_EQ(sum[Tally::Status5xx], 1U);
  EXPECT_EQ(sum[Tally::BytesIn], 60U);
  EXPECT_EQ(sum[Tally::BytesOut], 500U);
  EXPECT_EQ(sum[Tally::Failures], 2U);
  EXPECT_EQ(sum[Tally::Microseconds], 3005U);
  EXPECT_EQ(sum[Tally::Attempts], 0U);
  EXPECT_EQ(counters.latencies(Of::Route, 7).total, 4U);
  EXPECT_EQ(counters.latencies(Of::Route, 7).bucket[Buckets::index(1000)], 1U);
}

TEST(Counters, AreSummedOverWorkersAndKeptApart) {
  Segment segment = make_segment(3);
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    Counters mine(segment, worker);
    for (Of kind : {Of::Listener, Of::Route, Of::Backend, Of::Server})
      for (std::uint32_t number = 0; number < mine.size(kind); ++number)
        for (std::uint32_t tally = 0; tally < tallies; ++tally)
          mine.add(kind, number, Tally{tally},
                   (static_cast<std::uint64_t>(kind) * 1000 + number) * 100 + tally);
  }
  Counters reader(segment, 0);
  EXPECT_EQ(reader.size(Of::Listener), 2U);
  EXPECT_EQ(reader.size(Of::Route), 100U);
  EXPECT_EQ(reader.size(Of::Backend), 3U);
  EXPECT_EQ(reader.size(Of::Server), 5U);
  for (Of kind : {Of::Listener, Of::Route, Of::Backend, Of::Server})
    for (std::uint32_t number = 0; number < reader.size(kind); ++number) {
      Counted all = reader.sum(kind, number);
      for (std::uint32_t tally = 0; tally < tallies; ++tally) {
        ASSERT_EQ(all[Tally{tally}],
                  3 * ((static_cast<std::uint64_t>(kind) * 1000 + number) * 100 + tally));
        ASSERT_EQ(reader.sum(kind, number, Tally{tally}), all[Tally{tally}]);
      }
    }
}

TEST(Counters, LatenciesDoNotMeetTheRows) {
  Segment segment = make_segment(2);
  Counters first(segment, 0), second(segment, 1);
  for (Counters* mine : {&first, &second})
    for (Of kind : {Of::Listener, Of::Route, Of::Backend})
      for (std::uint32_t number = 0; number < mine->size(kind); ++number) {
        mine->add(kind, number, lasting(0));
        mine->add(kind, number, lasting(Buckets::most));
      }
  for (Of kind : {Of::Listener, Of::Route, Of::Backend})
    for (std::uint32_t number = 0; number < first.size(kind); ++number) {
      Latencies latencies = first.latencies(kind, number);
      ASSERT_EQ(latencies.total, 4U);
      ASSERT_EQ(latencies.bucket[0], 2U);
      ASSERT_EQ(latencies.bucket[Buckets::count - 1], 2U);
      ASSERT_EQ(first.sum(kind, number, Tally::Requests), 4U);
      ASSERT_EQ(first.sum(kind, number, Tally::Microseconds), 2 * Buckets::most);
    }
  EXPECT_EQ(first.latencies(Of::Server, 0).total, 0U);
}

// A worker is killed at some instruction; what it counted stays, and its successor counts on.
TEST(Counters, NeverGoBackWhenWorkersAreKilled) {
  Segment segment = make_segment(2);
  Counters reader(segment, 0);
  std::uint64_t before = 0;
  for (int round = 0; round < 50; ++round) {
    Child worker([&] {
      for (Counters mine(segment, 1);;) mine.add(Of::Backend, 2, lasting(77));
    });
    std::uint64_t seen = before;
    while (seen < before + 100) {
      std::uint64_t now = reader.sum(Of::Backend, 2, Tally::Requests);
      ASSERT_GE(now, seen);
      if (now == seen) sched_yield();
      seen = now;
    }
    worker.kill();
    std::uint64_t left = reader.sum(Of::Backend, 2, Tally::Requests);
    ASSERT_GE(left, seen);
    // Each round may end between the two counts of one request.
    std::uint64_t total = reader.latencies(Of::Backend, 2).total;
    ASSERT_LE(total, left);
    ASSERT_LE(left - total, static_cast<std::uint64_t>(round) + 1);
    before = left;
  }
  Counters(segment, 1).add(Of::Backend, 2, Tally::Requests, 5);
  EXPECT_EQ(reader.sum(Of::Backend, 2, Tally::Requests), before + 5);
}

TEST(Counters, QuantilesAreNearTheExactOnes) {
  Segment segment = make_segment(2);
  Counters workers[] = {{segment, 0}, {segment, 1}};
  std::mt19937_64 random(5);
  std::lognormal_distribution<double> durations(9, 2);
  std::vector<std::uint64_t> all;
  for (std::size_t i = 0; i < 20'000; ++i) {
    all.push_back(static_cast<std::uint64_t>(durations(random)));
    workers[i % 2].add(Of::Listener, 1, lasting(all.back()));
  }
  std::sort(all.begin(), all.end());
  Latencies latencies = workers[0].latencies(Of::Listener, 1);
  ASSERT_EQ(latencies.total, all.size());
  for (double share : {0.0001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(all.size())));
    auto exact = static_cast<double>(all[rank - 1]);
    EXPECT_NEAR(static_cast<double>(latencies.quantile(share)), exact, exact * 0.016 + 0.5)
        << share;
  }
  EXPECT_EQ(Latencies().quantile(0.5), 0U);
}

TEST(Counters, ALookAtWhatWasNeverUsedTakesNoMemory) {
  Segment segment = make_segment(16);
  auto blocks = [&] {
    struct stat status;
    EXPECT_EQ(fstat(segment.fd(), &status), 0);
    return status.st_blocks;
  };
  Counters reader(segment, 0);
  for (std::uint32_t route = 0; route < 100; ++route) reader.sum(Of::Route, route);
  auto before = blocks();
  for (std::uint32_t route = 0; route < 100; ++route)
    EXPECT_EQ(reader.latencies(Of::Route, route).total, 0U);
  EXPECT_EQ(blocks(), before);
  Counters mine(segment, 7);
  mine.add(Of::Route, 50, lasting(10));
  auto used = blocks();
  EXPECT_GT(used, before);
  EXPECT_EQ(reader.latencies(Of::Route, 50).total, 1U);
  // The histogram of that worker may lie on three pages; nobody else's is looked at.
  EXPECT_LE(blocks() - used, 2 * 4096 / 512);
}

TEST(CoarseBuckets, ServersKnowTheirLatenciesByPowersOfTwo) {
  Layout layout;
  layout.workers = 2;
  layout.servers = 3;
  auto segment = Segment::create(layout);
  ASSERT_TRUE(segment);
  for (std::uint32_t worker = 0; worker < 2; ++worker) {
    Counters counters(*segment, worker);
    for (std::uint64_t us : {0, 1, 900, 1000, 1'000'000}) counters.add(Of::Server, 1, lasting(us));
  }
  CoarseLatencies sum = Counters(*segment, 0).server_latencies(1);
  EXPECT_EQ(sum.total, 10U);
  EXPECT_EQ(sum.bucket[0], 2U);
  EXPECT_EQ(sum.bucket[1], 2U);
  EXPECT_EQ(sum.bucket[10], 4U);
  EXPECT_EQ(sum.bucket[20], 2U);
  EXPECT_NEAR(static_cast<double>(sum.quantile(0.7)), 724, 1);  // 512 to 1024
  EXPECT_EQ(Counters(*segment, 0).server_latencies(2).total, 0U);
  EXPECT_EQ(CoarseBuckets::index(UINT64_MAX), CoarseBuckets::count - 1);
}

TEST(Counters, WhatIsForgottenBeginsAtZero) {
  Segment segment = make_segment(2);
  Counters a(segment, 0), b(segment, 1);
  for (Of kind : {Of::Route, Of::Server}) {
    a.add(kind, 3, lasting(500));
    b.add(kind, 3, lasting(70'000));
    b.add(kind, 3, Tally::Requests, 3);
    a.add(kind, 4, Tally::Requests, 1);
    b.add(kind, 3, Tally::BytesOut, 100);
    a.forget(kind, 3);
    EXPECT_EQ(b.sum(kind, 3, Tally::Requests), 0U);
    EXPECT_EQ(b.sum(kind, 3)[Tally::BytesOut], 0U);
    EXPECT_EQ(b.sum(kind, 4, Tally::Requests), 1U);
    b.add(kind, 3, Tally::Requests, 3);
    b.add(kind, 3, lasting(500));
    EXPECT_EQ(a.sum(kind, 3, Tally::Requests), 4U);
    EXPECT_EQ(a.sum(kind, 3)[Tally::Requests], 4U);
    a.forget(kind, 3);  // and once more
    EXPECT_EQ(a.sum(kind, 3)[Tally::Requests], 0U);
    b.add(kind, 3, lasting(500));
    EXPECT_EQ(a.sum(kind, 3)[Tally::Requests], 1U);
  }
  EXPECT_EQ(a.latencies(Of::Route, 3).total, 1U);
  EXPECT_EQ(a.latencies(Of::Route, 3).bucket[Buckets::index(500)], 1U);
  EXPECT_EQ(a.server_latencies(3).total, 1U);
  EXPECT_EQ(a.server_latencies(3).bucket[CoarseBuckets::index(500)], 1U);
}

TEST(Counters, SumsGrowWithTheNumberOfWorkers) {
  auto segment = Segment::create({.workers = 4}, 1);
  ASSERT_TRUE(segment);
  Counters first(*segment, 0), late(*segment, 2);
  first.add(Of::Listener, 0, Tally::Requests, 1);
  EXPECT_EQ(first.sum(Of::Listener, 0, Tally::Requests), 1U);
  segment->note_workers(3);
  late.add(Of::Listener, 0, Tally::Requests, 5);
  EXPECT_EQ(first.sum(Of::Listener, 0, Tally::Requests), 6U);
  segment->note_workers(1);  // the others have ended; what they counted stays
  EXPECT_EQ(first.sum(Of::Listener, 0, Tally::Requests), 6U);
}

}  // namespace
}  // namespace weir::shm
