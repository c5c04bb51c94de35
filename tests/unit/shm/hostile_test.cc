// SPDX-License-Identifier: Apache-2.0
//
// Whatever a worker leaves in the regions that it writes, master, control and writer read it without harm: no index, length,
// count or text leads anywhere, no loop is endless, and no sum wraps round to less than there is.
#include "shm/black_box.h"
#include "shm/counters.h"
#include "shm/drain.h"
#include "shm/generation.h"
#include "shm/in_flight.h"
#include "shm/log_ring.h"
#include "shm/notices.h"
#include "shm/outliers.h"
#include "shm/report.h"
#include "shm/server_table.h"
#include "shm/shared_connections.h"
#include "shm/worker_state.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>

namespace weir::shm {
namespace {

// Each byte of the regions that workers write is made `byte`, or another one each time if it is negative.
class Hostile : public testing::TestWithParam<int> {
 protected:
  Hostile() : segment_(make_segment()) {}

  static Segment make_segment() {
    auto segment = Segment::create({.workers = 2, .servers = 8});
    EXPECT_TRUE(segment);
    return std::move(*segment);
  }

  void spoil(const char* region) {
    std::uint32_t random = 17;
    for (std::byte& each : segment_.region(region)) {
      random = random * 1'664'525 + 1'013'904'223;
      each = static_cast<std::byte>(GetParam() < 0 ? random >> 24 : GetParam());
    }
  }

  template <std::size_t size>
  static bool ends(const char (&text)[size]) {
    return strnlen(text, size) < size;
  }

  Segment segment_;
};

TEST_P(Hostile, Reports) {
  spoil("reports");
  Report report(segment_, 1);
  ASSERT_LE(report.size(), Report::most_rows);
  for (std::uint32_t i = 0; i < report.size(); ++i) {
    SessionRow row = report.row(i);
    EXPECT_TRUE(ends(row.client) && ends(row.phase) && ends(row.method) && ends(row.path));
    std::uint8_t flag;
    std::memcpy(&flag, &row.has_stream, 1);
    EXPECT_LE(flag, 1);
  }
}

TEST_P(Hostile, LastWords) {
  spoil("black_box");
  for (std::uint32_t i = 0; i < 3; ++i) {
    LastWords words = BlackBox(segment_, i).read();
    EXPECT_LE(words.frames, LastWords::most_frames);
    EXPECT_TRUE(ends(words.call) && ends(words.client) && ends(words.listener) &&
                ends(words.errand) && ends(words.phase) && ends(words.method) && ends(words.host) &&
                ends(words.path) && ends(words.route) && ends(words.file));
    for (const bool* each : {&words.in_builder, &words.has_client, &words.has_request}) {
      std::uint8_t flag;
      std::memcpy(&flag, each, 1);
      EXPECT_LE(flag, 1);
    }
  }
}

TEST_P(Hostile, Notices) {
  spoil("notices");
  Notices notices(segment_, 1);
  Notice notice;
  std::size_t count = 0;
  while (notices.pop(notice)) ASSERT_LE(++count, Notices::size);
  // It goes on to be of use.
  EXPECT_TRUE(notices.push({NoticeKind::ProbePassed, 3, 1, 0}));
  ASSERT_TRUE(notices.pop(notice));
  EXPECT_EQ(notice.server, 3U);
}

TEST_P(Hostile, LogRings) {
  spoil("rings");
  LogRing ring(segment_, RingOf::worker(1));
  std::uint64_t cursor = ring.tail(), seen = cursor;
  (void)ring.has_only_access(seen);
  std::size_t count = 0;
  for (LogRing::Line line; ring.read(cursor, line); ++count) {
    ASSERT_LE(line.text.size(), LogRing::longest_line);
    ASSERT_LT(count, 8U << 20);
    std::string copy(line.text);  // for the sanitizer to look at
  }
  EXPECT_EQ(cursor, ring.head());
}

TEST_P(Hostile, Sums) {
  spoil("in_flight");
  spoil("counters");
  spoil("connections");
  InFlight in_flight(segment_, 0);
  Counters counters(segment_, 0);
  SharedConnections h2(segment_, 0);
  for (std::uint32_t server = 0; server < 8; ++server) {
    const bool is_idle = in_flight.load(server) == 0;
    EXPECT_EQ(is_idle, GetParam() == 0);
    for (auto what = 0U; what < static_cast<std::uint32_t>(SharedCount::Last); ++what)
      (void)h2.sum(server, static_cast<SharedCount>(what));
    CoarseLatencies coarse = counters.server_latencies(server);
    EXPECT_LE(coarse.quantile(0.99), std::uint64_t{1} << 32);
    EXPECT_LE(coarse.quantile(1), std::uint64_t{1} << 32);
  }
  Latencies latencies = counters.latencies(Of::Listener, 0);
  EXPECT_LE(latencies.quantile(0.5), Buckets::most);
  EXPECT_LE(latencies.quantile(1), Buckets::most);
}

TEST_P(Hostile, HowFarTheyAre) {
  spoil("drain");
  Drain drain(segment_);
  EXPECT_TRUE(drain.seen(1) == UINT64_MAX || drain.seen(1) <= drain.generation());
  (void)drain.clients(1, 0);
  // Of this region workers write one word each; what control writes there stays.
  ServerTable table(segment_);
  ServerRow row;
  table.publish(0, row, {});
  table.saw(1, GetParam() < 0 ? 0x1234'5678'9abc'def0 : 0x0101'0101'0101'0101U * GetParam());
  EXPECT_TRUE(table.seen(1) == UINT64_MAX || table.seen(1) <= table.changes());
}

TEST_P(Hostile, WorkersAndClaims) {
  spoil("workers");
  spoil("outliers");
  spoil("generation");
  WorkerState state(segment_, 1);
  EXPECT_LT(state.call_name().size(), 24U);
  (void)state.turn();
  Outliers outliers(segment_);
  for (std::uint32_t worker = 0; worker < 2; ++worker)
    (void)outliers.release_dead(3, worker,
                                static_cast<std::uint32_t>(state.get(Count::Incarnation)));
  outliers.reset(3);
  EXPECT_FALSE(outliers.is_claimed(3));
  (void)Generation(segment_).running(1);
}

INSTANTIATE_TEST_SUITE_P(Bytes, Hostile, testing::Values(0, 1, 0x7f, 0x80, 0xff, -1));

TEST(HostileCounts, DoNotWrapRound) {
  auto segment = Segment::create({.workers = 2, .servers = 1});
  ASSERT_TRUE(segment);
  // Two cells that make 2^32: a busy server is not idle.
  auto* cells = reinterpret_cast<std::uint32_t*>(segment->region("in_flight").data());
  cells[0] = cells[1] = std::uint32_t{1} << 31;
  EXPECT_EQ(InFlight(*segment, 0).load(0), UINT32_MAX);
  // A count that goes back behind the baseline is 0, not 2^64 less something.
  Counters counters(*segment, 0);
  counters.add(Of::Server, 0, Tally::Requests, 100);
  counters.forget(Of::Server, 0);
  counters.add(Of::Server, 0, Tally::Requests, std::uint64_t{0} - 40);
  EXPECT_EQ(counters.sum(Of::Server, 0, Tally::Requests), 0U);
  SharedConnections h2(*segment, 0);
  h2.add(0, SharedCount::Opened, 100);
  h2.forget(0);
  h2.subtract(0, SharedCount::Opened, 40);
  EXPECT_EQ(h2.sum(0, SharedCount::Opened), 0U);
}

TEST(HostileCounts, AQuestionThatWasNotAskedIsNotAnswered) {
  auto segment = Segment::create({.workers = 2});
  ASSERT_TRUE(segment);
  Report report(*segment, 1);
  const std::uint64_t first = report.ask();
  report.answer(UINT64_MAX, UINT32_MAX);
  EXPECT_EQ(report.answered(), first);
  EXPECT_EQ(report.size(), Report::most_rows);
}

// A record's length is believed only as far as it fits between the cursor and the head.
TEST(HostileLengths, OfALine) {
  for (const std::uint32_t size : {9U, 100'000U, 0x7fff'fff8U, 0xffff'fffeU, 0xffff'ffffU}) {
    auto segment = Segment::create({.workers = 1});
    ASSERT_TRUE(segment);
    LogRing ring(*segment, RingOf::worker(0));
    ASSERT_FALSE(ring.push(LogRing::Kind::Access, "12345678"));
    auto rings = segment->region("rings");
    const std::size_t each = rings.size() / RingOf::count(1);
    std::memcpy(rings.data() + each * RingOf::worker(0) + 4096, &size, sizeof(size));
    std::uint64_t cursor = ring.tail();
    LogRing::Line line;
    EXPECT_FALSE(ring.has_only_access(cursor)) << size;
    EXPECT_FALSE(ring.read(cursor, line)) << size;
    EXPECT_EQ(cursor, ring.head());
    EXPECT_EQ(ring.take_dropped(), 1U);
    // What comes after it is read.
    ring.release(cursor);
    (void)ring.push(LogRing::Kind::Access, "more");
    ASSERT_TRUE(ring.read(cursor, line));
    EXPECT_EQ(line.text, "more");
  }
}

}  // namespace
}  // namespace weir::shm
