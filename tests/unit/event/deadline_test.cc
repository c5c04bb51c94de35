// SPDX-License-Identifier: Apache-2.0
//
// Deadlines fire in order, never early, and not at all once cleared or destroyed.
#include "event/deadline.h"

#include "event/loop.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace weir::event {
namespace {

struct Timed final : DeadlineEvents {
  Timed(Loop& owner, std::vector<int>& fired, int number, std::size_t last)
      : loop(owner), order(fired), id(number), stop_after(last), deadline(*this) {}
  void on_deadline() noexcept override {
    fired_at = Loop::read_clock();
    order.push_back(id);
    if (order.size() == stop_after) loop.stop();
  }
  Loop& loop;
  std::vector<int>& order;
  int id;
  std::size_t stop_after;
  std::uint64_t fired_at = 0;
  Deadline deadline;
};

TEST(Deadline, FiresInOrderAndNeverEarly) {
  Loop loop;
  std::vector<int> order;
  Timed late(loop, order, 2, 3), early(loop, order, 0, 3), middle(loop, order, 1, 3);
  std::uint64_t now = Loop::read_clock();
  late.deadline.set(loop, now + 120'000);
  early.deadline.set(loop, now + 20'000);
  middle.deadline.set(loop, now + 70'000);
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_GE(early.fired_at, now + 20'000);
  EXPECT_GE(middle.fired_at, now + 70'000);
  EXPECT_GE(late.fired_at, now + 120'000);
}

TEST(Deadline, MovedLaterFiresLaterAndMovedEarlierFiresEarlier) {
  Loop loop;
  std::vector<int> order;
  Timed first(loop, order, 1, 2), second(loop, order, 2, 2);
  std::uint64_t now = Loop::read_clock();
  first.deadline.set(loop, now + 20'000);
  second.deadline.set(loop, now + 300'000'000);
  first.deadline.set(loop, now + 150'000);
  second.deadline.set(loop, now + 40'000);
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{2, 1}));
  EXPECT_GE(first.fired_at, now + 150'000);
}

TEST(Deadline, ClearedOrDestroyedNeverFires) {
  Loop loop;
  std::vector<int> order;
  Timed last(loop, order, 1, 1), cleared(loop, order, 2, 9);
  auto destroyed = std::make_unique<Timed>(loop, order, 3, 9);
  std::uint64_t now = Loop::read_clock();
  cleared.deadline.set(loop, now + 20'000);
  destroyed->deadline.set(loop, now + 20'000);
  last.deadline.set(loop, now + 90'000);
  cleared.deadline.clear();
  destroyed.reset();
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1}));
}

TEST(Wheel, KnowsHowLateItIs) {
  Loop loop;
  std::vector<int> order;
  const std::uint64_t now = Loop::read_clock();
  EXPECT_EQ(loop.wheel().overdue(now + 1'000'000), 0U);
  Timed only(loop, order, 1, 1);
  only.deadline.set(loop, now + 50'000);
  EXPECT_EQ(loop.wheel().overdue(now + 50'000), 0U);
  EXPECT_NEAR(static_cast<double>(loop.wheel().overdue(now + 250'000)), 190'000, 10'000);
}

}  // namespace
}  // namespace weir::event
