// SPDX-License-Identifier: Apache-2.0
//
// What the loop tells of itself: the number of its turn, the call that runs, and for whom.
#include "event/loop.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

namespace weir::event {
namespace {

struct Job final : TaskEvents {
  Job(Loop& owner, std::function<void()> work) : loop(owner), what(std::move(work)), task(*this) {
    loop.post(task);
  }
  void on_task() noexcept override { what(); }
  Loop& loop;
  std::function<void()> what;
  Task task;
};

struct Client final : Subject {};

TEST(Loop, PublishesTheNumberOfItsTurn) {
  Loop loop;
  std::atomic<std::uint64_t> turn = 0;
  loop.publish_turn(turn);
  std::vector<std::uint64_t> seen;
  Job second(loop, [] {});
  Job first(loop, [&] {
    seen.push_back(turn);
    loop.post(second.task);  // in the next turn
  });
  second.what = [&] {
    seen.push_back(turn);
    loop.stop();
  };
  second.task.unlink();
  loop.run();
  ASSERT_EQ(seen.size(), 2U);
  EXPECT_NE(seen[0], 0U);
  EXPECT_NE(seen[1], 0U);
  EXPECT_NE(seen[0], seen[1]);
  EXPECT_EQ(turn, 0U);
}

TEST(Loop, KnowsTheCallThatRunsAndHowLongTheTurnIs) {
  Loop loop;
  EXPECT_STREQ(loop.call(), "");
  EXPECT_EQ(loop.turn_age(), 0U);
  std::string call;
  std::uint64_t age = 0, took = 0;
  Job job(loop, [&] {
    call = loop.call();
    std::uint64_t begun = monotonic_us();
    while ((took = monotonic_us() - begun) < 20'000) {
    }
    age = loop.turn_age();
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(call, "task");
  EXPECT_GE(age, took / 2);
  EXPECT_STREQ(loop.call(), "");
  EXPECT_EQ(loop.turn_age(), 0U);
}

// Takes as long to destroy as a connection that many packets are to tell the end of.
struct Slow final : Reaped {
  Slow(std::vector<int>& gone, int number) : order(gone), id(number) {}
  ~Slow() override {
    const std::uint64_t begun = monotonic_us();
    while (monotonic_us() < begun + 100) {
    }
    order.push_back(id);
  }
  std::vector<int>& order;
  int id;
};

TEST(Loop, DestroysVeryManyInMoreThanOneTurn) {
  Loop loop;
  std::vector<int> order;
  std::vector<std::size_t> seen;
  Job later(loop, [&] {
    seen.push_back(order.size());
    if (order.size() < 101) loop.post(later.task);
    if (seen.size() == 1) loop.reap(*new Slow(order, 1000));
    if (order.size() == 101) loop.stop();
  });
  later.task.unlink();
  Job first(loop, [&] {
    for (int i = 0; i < 100; ++i) loop.reap(*new Slow(order, i));
    loop.post(later.task);
  });
  loop.run();
  ASSERT_GE(seen.size(), 3U);
  EXPECT_GE(seen.front(), 100U / 16);
  EXPECT_LE(seen.front(), 100U / 16 + 3);
  // Those of a turn in the order of a stack, and those of a later turn behind them.
  std::vector<int> expected;
  for (int i = 99; i >= 0; --i) expected.push_back(i);
  expected.push_back(1000);
  EXPECT_EQ(order, expected);
}

// Whose end is that of another one.
struct Last final : Reaped {
  Last(Loop& owner, Reaped& object) : loop(owner), other(object) {}
  ~Last() override { loop.reap(other); }
  Loop& loop;
  Reaped& other;
};

TEST(Loop, DestroysWhatTheDeadReap) {
  Loop loop;
  std::vector<int> order;
  std::size_t seen = 0;
  Job later(loop, [&] {
    seen = order.size();
    loop.stop();
  });
  later.task.unlink();
  Job first(loop, [&] {
    loop.reap(*new Last(loop, *new Slow(order, 1)));
    loop.post(later.task);
  });
  loop.run();
  EXPECT_EQ(seen, 1U);
}

TEST(Loop, HasDestroyedAllWhenItEnds) {
  Loop loop;
  std::vector<int> order;
  Job job(loop, [&] {
    for (int i = 0; i < 100; ++i) loop.reap(*new Slow(order, i));
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(order.size(), 100U);
}

TEST(Loop, KnowsTheInnermostSubject) {
  Loop loop;
  Client one, other;
  EXPECT_EQ(loop.subject(), nullptr);
  {
    About outer(loop, one);
    EXPECT_EQ(loop.subject(), &one);
    {
      About inner(loop, other);
      EXPECT_EQ(loop.subject(), &other);
      About nobody(loop, nullptr);
      EXPECT_EQ(loop.subject(), nullptr);
    }
    EXPECT_EQ(loop.subject(), &one);
  }
  EXPECT_EQ(loop.subject(), nullptr);
}

}  // namespace
}  // namespace weir::event
