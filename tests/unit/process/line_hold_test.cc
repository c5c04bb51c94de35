// SPDX-License-Identifier: Apache-2.0
//
// How long lines of the access log wait in the rings, and what makes them wait no longer.
#include "process/line_hold.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::process {
namespace {

using shm::LogRing;
using shm::RingOf;
using Kind = LogRing::Kind;

constexpr std::uint64_t second = 1'000'000;
const std::string kilobyte(1000, 'x');

// A writer that has written all there was, and the rings of control, the master and two workers.
class LineHoldTest : public ::testing::Test {
 protected:
  LineHoldTest() {
    for (std::uint32_t ring = 0; ring < RingOf::count(2); ++ring)
      rings_.emplace_back(segment_, ring);
    hold_.end(rings_);
  }

  static config::LogTarget target(std::uint64_t size, config::Milliseconds flush) {
    config::LogTarget target;
    target.to = config::LogTo::File;
    target.buffer = config::LogBuffer{size, flush};
    return target;
  }

  /// True if the writer would be woken.
  bool push(Kind kind, std::uint32_t ring, std::string_view line = kilobyte) {
    return LogRing(segment_, ring).push(kind, line);
  }
  void write_all() {
    for (LogRing& ring : rings_) ring.release(ring.head());
    hold_.end(rings_);
  }
  std::uint64_t wait_us() { return hold_.wait_us(rings_, now_); }

  shm::Segment segment_ = *shm::Segment::create({.workers = 2});
  std::vector<LogRing> rings_;
  LineHold hold_{target(4096, config::Milliseconds(1000))};
  std::uint64_t now_ = 5000 * second;
};

TEST_F(LineHoldTest, NothingWaitsWhereNothingIs) { EXPECT_EQ(wait_us(), 0U); }

TEST_F(LineHoldTest, WithoutABufferNothingWaits) {
  hold_.set({});
  push(Kind::Access, RingOf::worker(0));
  EXPECT_EQ(wait_us(), 0U);
}

TEST_F(LineHoldTest, ALineWaitsForItsTime) {
  push(Kind::Access, RingOf::worker(0));
  EXPECT_EQ(wait_us(), second);
  now_ += 400'000;
  push(Kind::Access, RingOf::worker(1));
  EXPECT_EQ(wait_us(), 600'000U) << "the time is that of the first line";
  now_ += 599'999;
  EXPECT_EQ(wait_us(), 1U);
  now_ += 1;
  EXPECT_EQ(wait_us(), 0U);
  write_all();
  now_ += 10 * second;
  push(Kind::Access, RingOf::worker(0));
  EXPECT_EQ(wait_us(), second) << "the next one has a time of its own";
}

TEST_F(LineHoldTest, ProducersWakeTheWriterWhenThereIsEnough) {
  push(Kind::Access, RingOf::worker(0));
  EXPECT_EQ(wait_us(), second);
  EXPECT_FALSE(push(Kind::Access, RingOf::worker(0)));
  EXPECT_FALSE(push(Kind::Access, RingOf::worker(0)));
  for (int i = 0; i < 4; ++i)
    EXPECT_FALSE(push(Kind::Access, RingOf::worker(1), "short")) << "each process has its own";
  EXPECT_EQ(wait_us(), second);
  EXPECT_FALSE(push(Kind::Access, RingOf::worker(0)));
  EXPECT_TRUE(push(Kind::Access, RingOf::worker(0))) << "more than 4096 bytes now";
  EXPECT_EQ(wait_us(), 0U);
}

// The writer was not told of it, since it was awake.
TEST_F(LineHoldTest, EnoughThatCameBeforeIsFound) {
  for (int i = 0; i < 5; ++i) EXPECT_FALSE(push(Kind::Access, RingOf::worker(1)));
  EXPECT_EQ(wait_us(), 0U);
}

TEST_F(LineHoldTest, OtherLinesDoNotWait) {
  const std::pair<Kind, std::uint32_t> others[] = {{Kind::Error, RingOf::worker(1)},
                                                   {Kind::Error, RingOf::master},
                                                   {Kind::State, RingOf::control},
                                                   {Kind::StateBegin, RingOf::control}};
  for (const auto& [kind, ring] : others) {
    push(Kind::Access, RingOf::worker(0));
    EXPECT_EQ(wait_us(), second);
    EXPECT_TRUE(push(kind, ring, "1")) << "it wakes the writer";
    EXPECT_EQ(wait_us(), 0U);
    EXPECT_EQ(wait_us(), 0U) << "also when it is asked again";
    write_all();
    // It came while the writer was awake, so nobody has told.
    push(Kind::Access, RingOf::worker(1));
    EXPECT_FALSE(push(kind, ring, "1"));
    EXPECT_EQ(wait_us(), 0U);
    write_all();
  }
}

// After a refusal to wait the writer is at work: producers need not wake it.
TEST_F(LineHoldTest, NobodyWakesAWriterThatIsAtWork) {
  push(Kind::Error, RingOf::worker(0), "1");
  EXPECT_EQ(wait_us(), 0U);
  EXPECT_FALSE(push(Kind::Error, RingOf::worker(0), "2"));
  EXPECT_FALSE(push(Kind::Error, RingOf::worker(1), "3"));
}

TEST_F(LineHoldTest, WhatAFormerWriterHasLeftDoesNotWait) {
  LineHold next(target(4096, config::Milliseconds(1000)));
  push(Kind::Access, RingOf::worker(0));
  EXPECT_EQ(next.wait_us(rings_, now_), 0U);
}

TEST_F(LineHoldTest, LinesOfAFurtherWorkerWait) {
  std::vector<LogRing> more = std::move(rings_);
  more.pop_back();
  hold_.end(more);
  more.emplace_back(segment_, RingOf::worker(1));
  push(Kind::Access, RingOf::worker(1));
  EXPECT_EQ(hold_.wait_us(more, now_), second);
  push(Kind::Error, RingOf::worker(1), "1");
  EXPECT_EQ(hold_.wait_us(more, now_), 0U);
}

TEST_F(LineHoldTest, OtherTermsHoldAtOnce) {
  push(Kind::Access, RingOf::worker(0));
  EXPECT_EQ(wait_us(), second);
  hold_.set(target(4096, config::Milliseconds(50)));
  EXPECT_EQ(wait_us(), 50'000U);
  hold_.set(target(1000, config::Milliseconds(50)));
  EXPECT_EQ(wait_us(), 0U);
}

}  // namespace
}  // namespace weir::process
