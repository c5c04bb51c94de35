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
    std::uint64_t begun = Loop::read_clock();
    while ((took = Loop::read_clock() - begun) < 20'000) {
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
