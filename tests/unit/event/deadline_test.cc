// SPDX-License-Identifier: Apache-2.0
//
// Deadlines fire in order, never early, and not at all once cleared or destroyed.
#include "event/deadline.h"

#include "event/loop.h"
#include "fakes/manual_clock.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace weir::event {
namespace {

struct Timed final : DeadlineEvents {
  Timed(Loop& owner, std::vector<int>& fired, int number, std::size_t last)
      : loop(owner), order(fired), id(number), stop_after(last), deadline(*this) {}
  void on_deadline() noexcept override {
    fired_at = loop.read_clock();
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

struct DeadlineTest : testing::Test {
  DeadlineTest() {
    time.pass_while([] { return true; });
    time.start();
  }
  test::ManualClock clock;
  Loop loop{clock};
  test::TimeKeeper time{loop, clock};
};

TEST_F(DeadlineTest, FiresInOrderAndNeverEarly) {
  std::vector<int> order;
  Timed late(loop, order, 2, 3), early(loop, order, 0, 3), middle(loop, order, 1, 3);
  std::uint64_t now = clock.monotonic_us();
  late.deadline.set(loop, now + 120'000);
  early.deadline.set(loop, now + 20'000);
  middle.deadline.set(loop, now + 70'000);
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{0, 1, 2}));
  EXPECT_GE(early.fired_at, now + 20'000);
  EXPECT_GE(middle.fired_at, now + 70'000);
  EXPECT_GE(late.fired_at, now + 120'000);
}

TEST_F(DeadlineTest, MovedLaterFiresLaterAndMovedEarlierFiresEarlier) {
  std::vector<int> order;
  Timed first(loop, order, 1, 2), second(loop, order, 2, 2);
  std::uint64_t now = clock.monotonic_us();
  first.deadline.set(loop, now + 20'000);
  second.deadline.set(loop, now + 300'000'000);
  first.deadline.set(loop, now + 150'000);
  second.deadline.set(loop, now + 40'000);
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{2, 1}));
  EXPECT_GE(first.fired_at, now + 150'000);
}

TEST_F(DeadlineTest, ClearedOrDestroyedNeverFires) {
  std::vector<int> order;
  Timed last(loop, order, 1, 1), cleared(loop, order, 2, 9);
  auto destroyed = std::make_unique<Timed>(loop, order, 3, 9);
  std::uint64_t now = clock.monotonic_us();
  cleared.deadline.set(loop, now + 20'000);
  destroyed->deadline.set(loop, now + 20'000);
  last.deadline.set(loop, now + 90'000);
  cleared.deadline.clear();
  destroyed.reset();
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{1}));
}

// Takes a millisecond.
struct Slow final : DeadlineEvents {
  Slow(test::ManualClock& its_clock, int& done) : clock(its_clock), count(done) {}
  void on_deadline() noexcept override {
    clock.advance(1000);
    ++count;
  }
  test::ManualClock& clock;
  int& count;
  Deadline deadline{*this};
};

// Looks on in every turn.
struct Onlooker final : TaskEvents {
  Onlooker(Loop& owner, int& done, int last) : loop(owner), count(done), stop_after(last) {
    loop.post(task);
  }
  void on_task() noexcept override {
    if (seen.empty() || seen.back() != count) seen.push_back(count);
    if (count == stop_after) return loop.stop();
    loop.post(task);
  }
  Loop& loop;
  int& count;
  int stop_after;
  std::vector<int> seen;
  Task task{*this};
};

TEST_F(DeadlineTest, ManyOfOneMomentLeaveTurnsToOthers) {
  constexpr int many = 100;
  int done = 0;
  std::vector<std::unique_ptr<Slow>> slow;
  const std::uint64_t at = clock.monotonic_us() + 20'000;
  for (int i = 0; i < many; ++i) {
    slow.push_back(std::make_unique<Slow>(clock, done));
    slow.back()->deadline.set(loop, at);
  }
  Onlooker onlooker(loop, done, many);
  loop.run();
  EXPECT_GT(onlooker.seen.size(), 2U) << "all in one turn";
  EXPECT_EQ(onlooker.seen.back(), many);
}

TEST_F(DeadlineTest, OneThatWaitsForItsTurnCanBeClearedMovedOrDestroyed) {
  int done = 0;
  std::vector<int> order;
  Slow first(clock, done);
  Timed cleared(loop, order, 1, 9), moved(loop, order, 2, 1);
  auto destroyed = std::make_unique<Timed>(loop, order, 3, 9);
  const std::uint64_t at = clock.monotonic_us() + 20'000;
  for (Deadline* each : {&first.deadline, &cleared.deadline, &moved.deadline, &destroyed->deadline})
    each->set(loop, at);
  struct Meanwhile final : TaskEvents {
    void on_task() noexcept override {
      if (done == 0) return loop.post(task);
      cleared.deadline.clear();
      moved.deadline.set(loop, loop.read_clock() + 100'000);
      destroyed.reset();
    }
    Meanwhile(Loop& l, int& d, Timed& c, Timed& m, std::unique_ptr<Timed>& x)
        : loop(l), done(d), cleared(c), moved(m), destroyed(x) {
      loop.post(task);
    }
    Loop& loop;
    int& done;
    Timed &cleared, &moved;
    std::unique_ptr<Timed>& destroyed;
    Task task{*this};
  } meanwhile(loop, done, cleared, moved, destroyed);
  loop.run();
  EXPECT_EQ(order, (std::vector<int>{2}));
  EXPECT_GE(moved.fired_at, at + 80'000);
}

TEST_F(DeadlineTest, KnowsHowLateItIs) {
  std::vector<int> order;
  const std::uint64_t now = clock.monotonic_us();
  EXPECT_EQ(loop.wheel().overdue(now + 1'000'000), 0U);
  Timed only(loop, order, 1, 1);
  only.deadline.set(loop, now + 50'000);
  EXPECT_EQ(loop.wheel().overdue(now + 50'000), 0U);
  EXPECT_NEAR(static_cast<double>(loop.wheel().overdue(now + 250'000)), 190'000, 10'000);
}

}  // namespace
}  // namespace weir::event
