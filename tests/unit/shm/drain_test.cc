// SPDX-License-Identifier: Apache-2.0
//
// Orders of drains: what holds for a listener, and what a worker tells.
#include "shm/drain.h"

#include <gtest/gtest.h>

#include <utility>

namespace weir::shm {
namespace {

Segment make_segment() {
  auto segment = Segment::create({.workers = 3, .listeners = 2});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

DrainOrder in(DrainPhase phase) {
  DrainOrder order;
  order.phase = phase;
  return order;
}

TEST(Drain, TheFurthestPhaseHolds) {
  Segment segment = make_segment();
  Drain drain(segment);
  EXPECT_EQ(drain.phase(0), DrainPhase::Serving);
  EXPECT_EQ(drain.give(Drain::of_listener(1), in(DrainPhase::Draining)), 1U);
  EXPECT_EQ(drain.phase(0), DrainPhase::Serving);
  EXPECT_EQ(drain.phase(1), DrainPhase::Draining);
  EXPECT_EQ(drain.give(Drain::instance, in(DrainPhase::Leaving)), 2U);
  EXPECT_EQ(drain.phase(0), DrainPhase::Leaving);
  EXPECT_EQ(drain.phase(1), DrainPhase::Draining);
  drain.give(Drain::instance, in(DrainPhase::Serving));
  EXPECT_EQ(drain.phase(0), DrainPhase::Serving);
  drain.end(DrainPhase::Draining);
  EXPECT_EQ(drain.phase(0), DrainPhase::Draining);
  EXPECT_EQ(drain.ending(), DrainPhase::Draining);
}

TEST(Drain, AWorkerIsShutOnlyForOrdersThatItHasSeen) {
  Segment segment = make_segment();
  Drain control(segment), worker(segment);
  std::uint64_t first = control.give(Drain::of_listener(0), in(DrainPhase::Draining));
  EXPECT_FALSE(control.is_shut(2, 0, first));
  worker.tell(2, 0, {3, 4}, first);
  EXPECT_TRUE(control.is_shut(2, 0, first));
  EXPECT_FALSE(control.is_shut(2, 1, first));
  EXPECT_EQ(control.clients(2, 0).idle, 3U);
  EXPECT_EQ(control.clients(2, 0).busy, 4U);
  EXPECT_EQ(control.clients(1, 0).idle, 0U);
  // It came back, and leaves again.
  control.give(Drain::of_listener(0), in(DrainPhase::Serving));
  std::uint64_t again = control.give(Drain::of_listener(0), in(DrainPhase::Draining));
  EXPECT_FALSE(control.is_shut(2, 0, again));
  worker.saw(2, again);
  EXPECT_EQ(control.seen(2), again);
  EXPECT_EQ(control.seen(0), 0U);
}

TEST(Drain, TheClientsOfADeadWorkerAreGone) {
  Segment segment = make_segment();
  Drain drain(segment);
  drain.tell(0, 0, {1, 1}, 5);
  drain.tell(1, 0, {1, 1}, 5);
  drain.forget_worker(0);
  EXPECT_TRUE(drain.is_shut(0, 0, 99));
  EXPECT_EQ(drain.clients(0, 0).busy, 0U);
  EXPECT_EQ(drain.clients(1, 0).busy, 1U);
}

}  // namespace
}  // namespace weir::shm
