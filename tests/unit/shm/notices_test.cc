// SPDX-License-Identifier: Apache-2.0
//
// Notices from workers that fill their ring or are killed in the middle of a push.
#include "shm/notices.h"

#include "shm/child.h"

#include <gtest/gtest.h>

#include <sched.h>

#include <utility>

namespace weir::shm {
namespace {

Segment make_segment() {
  auto segment = Segment::create({.workers = 3});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

Notice numbered(std::uint32_t number) {
  return {static_cast<NoticeKind>(number % 4), number, number + 1, number + 2};
}

void expect_numbered(const Notice& notice, std::uint32_t number) {
  EXPECT_EQ(notice.kind, static_cast<NoticeKind>(number % 4));
  EXPECT_EQ(notice.server, number);
  EXPECT_EQ(notice.incarnation, number + 1);
  EXPECT_EQ(notice.detail, number + 2);
}

TEST(Notices, ArriveInOrderAndAFullRingDropsTheNewest) {
  Segment segment = make_segment();
  Notices worker(segment, 1), control(segment, 1);
  Notice notice;
  EXPECT_FALSE(control.pop(notice));
  // Round after round, so that the ring is full at each of its places once.
  std::uint32_t pushed = 0, popped = 0;
  for (int round = 0; round < 1100; ++round) {
    while (worker.push(numbered(pushed))) ++pushed;
    ASSERT_EQ(pushed - popped, 1024U);
    ASSERT_TRUE(control.pop(notice));
    expect_numbered(notice, popped++);
  }
  for (; control.pop(notice); ++popped) expect_numbered(notice, popped);
  EXPECT_EQ(popped, pushed);
}

TEST(Notices, OfOneWorkerDoNotDisturbThoseOfAnother) {
  Segment segment = make_segment();
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    Notices mine(segment, worker);
    for (std::uint32_t i = 0; mine.push(numbered(worker * 10'000 + i)); ++i) continue;
  }
  Notice notice;
  for (std::uint32_t worker = 0; worker < 3; ++worker) {
    Notices ring(segment, worker);
    std::uint32_t count = 0;
    for (; ring.pop(notice); ++count) expect_numbered(notice, worker * 10'000 + count);
    EXPECT_EQ(count, 1024U);
  }
}

// A worker is killed at some instruction, again and again; its successor goes on in the same ring.
TEST(Notices, AreWholeAndInOrderWhereverTheirWorkerDies) {
  Segment segment = make_segment();
  Notices control(segment, 2);
  Notice notice;
  for (std::uint32_t round = 0; round < 100; ++round) {
    Child worker([&] {
      Notices mine(segment, 2);
      for (std::uint32_t i = 0;;)
        if (mine.push(numbered(i)))
          ++i;
        else
          sched_yield();
    });
    std::uint32_t seen = 0;
    while (seen < 500 + round * 37)
      if (control.pop(notice))
        expect_numbered(notice, seen++);
      else
        sched_yield();
    worker.kill();
    for (; control.pop(notice); ++seen) expect_numbered(notice, seen);
    ASSERT_FALSE(HasFailure());
  }
}

}  // namespace
}  // namespace weir::shm
