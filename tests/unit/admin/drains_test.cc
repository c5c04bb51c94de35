// SPDX-License-Identifier: Apache-2.0
//
// The phases of a drain, with the clock in the test's hand.
#include "admin/drains.h"

#include "fakes/manual_clock.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace weir::admin {
namespace {

using shm::DrainPhase;

config::Config two_listeners() {
  config::Config config;
  for (const char* name : {"web", "api"}) {
    config.listeners.emplace_back().name = name;
    config.listeners.back().number = static_cast<std::uint32_t>(config.listeners.size() - 1);
  }
  return config;
}

struct DrainsTest : testing::Test, DrainEvents {
  void on_drain_order() noexcept override { ++orders; }

  DrainPhase phase(std::uint32_t scope) const { return drains.order(scope).phase; }
  /// What all workers tell of a listener, after they have seen everything.
  void tell(std::uint32_t listener, shm::ClientsLeft left, bool shut = true) {
    shm::Drain workers(segment);
    for (std::uint32_t i = 0; i < 2; ++i) {
      workers.saw(i, workers.generation());
      workers.tell(i, listener, i == 0 ? left : shm::ClientsLeft{},
                   shut ? workers.generation() : 0);
    }
  }
  /// "web serving draining", ...
  std::vector<std::string> told() const {
    std::vector<std::string> lines;
    for (std::uint64_t seq = log.first_kept(); seq <= log.last(); ++seq) {
      const Event event = *log.find(seq);
      lines.push_back(event.object + " " + event.from + " " + event.to);
    }
    return lines;
  }
  Event last_event() const { return log.find(log.last()).value_or(Event()); }

  static constexpr std::uint64_t second = 1'000'000;
  static constexpr std::uint32_t all = shm::Drain::instance, web = shm::Drain::of_listener(0);
  int orders = 0;
  test::ManualClock clock;
  event::Loop loop{clock};
  shm::Segment segment = *shm::Segment::create({.workers = 2, .listeners = 2});
  config::Config config = two_listeners();
  Events log;
  Drains::Present present = [this]() -> const config::Config& { return config; };
  Drains drains{loop, segment, present, log, *this};
  std::uint64_t now = clock.monotonic_us();
};

TEST_F(DrainsTest, GoesThroughItsPhases) {
  std::uint64_t number = drains.begin(web, {5 * second, 30 * second, 0, "uid 1"});
  EXPECT_EQ(phase(web), DrainPhase::Leaving);
  EXPECT_EQ(drains.seen_by_all(), 0U);
  tell(0, {2, 1}, false);
  EXPECT_EQ(drains.seen_by_all(), number);
  drains.advance(now + 4 * second);
  EXPECT_EQ(phase(web), DrainPhase::Leaving);
  drains.advance(now + 6 * second);
  EXPECT_EQ(phase(web), DrainPhase::Draining);
  EXPECT_EQ(phase(all), DrainPhase::Serving);

  tell(0, {0, 0}, false);  // nobody is there, but somebody may come
  drains.advance(now + 7 * second);
  EXPECT_EQ(phase(web), DrainPhase::Draining);
  tell(0, {1, 0});
  drains.advance(now + 7 * second);
  EXPECT_EQ(phase(web), DrainPhase::Draining);
  tell(0, {0, 0});
  drains.advance(now + 7 * second);
  EXPECT_EQ(phase(web), DrainPhase::Drained);
  EXPECT_EQ(told(), (std::vector<std::string>{"web serving leaving", "web leaving draining",
                                              "web draining drained"}));
  EXPECT_EQ(last_event().type, "listener.drain");
  EXPECT_EQ(last_event().reason, "no connection is left");
  EXPECT_EQ(last_event().cause, "uid 1");
}

TEST_F(DrainsTest, EndsWhenFewAreLeft) {
  drains.begin(web, {0, 0, 2, "x"});
  EXPECT_EQ(phase(web), DrainPhase::Draining);
  tell(0, {0, 3});
  drains.advance(now + 1000 * second);  // there is no limit of time
  EXPECT_EQ(phase(web), DrainPhase::Draining);
  tell(0, {1, 2});
  drains.advance(now + 1000 * second);
  EXPECT_EQ(phase(web), DrainPhase::Draining);
  tell(0, {0, 2});
  drains.advance(now + 1000 * second);
  EXPECT_EQ(phase(web), DrainPhase::Drained);
  EXPECT_EQ(last_event().reason, "few are left, 2 connections closed");
}

TEST_F(DrainsTest, EndsWhenTheTimeIsUp) {
  drains.begin(all, {0, 10 * second, 0, "x"});
  tell(0, {1, 1});
  tell(1, {0, 2});
  EXPECT_EQ(drains.clients(all).busy, 3U);
  drains.advance(now + 9 * second);
  EXPECT_EQ(phase(all), DrainPhase::Draining);
  drains.advance(now + 11 * second);
  EXPECT_EQ(phase(all), DrainPhase::Drained);
  EXPECT_EQ(last_event().type, "instance.drain");
  EXPECT_EQ(last_event().reason, "the time is up, 4 connections closed");
}

TEST_F(DrainsTest, AnInstanceWaitsForAllItsListeners) {
  drains.begin(all, {0, 10 * second, 0, "x"});
  tell(0, {});
  drains.advance(now);
  EXPECT_EQ(phase(all), DrainPhase::Draining);
  tell(1, {});
  drains.advance(now);
  EXPECT_EQ(phase(all), DrainPhase::Drained);
}

TEST_F(DrainsTest, IsTakenBackAtEveryPhase) {
  drains.take_back(web, "y");
  EXPECT_EQ(log.last(), 0U);
  for (DrainPhase reached : {DrainPhase::Leaving, DrainPhase::Draining, DrainPhase::Drained}) {
    drains.begin(web, {second, second, 0, "x"});
    if (reached >= DrainPhase::Draining) drains.advance(now + 2 * second);
    if (reached == DrainPhase::Drained) drains.advance(clock.monotonic_us() + 4 * second);
    EXPECT_EQ(phase(web), reached);
    drains.take_back(web, "y");
    EXPECT_EQ(phase(web), DrainPhase::Serving);
    EXPECT_EQ(last_event().cause, "y");
    EXPECT_EQ(drains.to_json(), "[]");
  }
}

TEST_F(DrainsTest, AskedForAgainKeepsItsPhaseAndTakesTheNewLimits) {
  drains.begin(web, {5 * second, 30 * second, 0, "x"});
  drains.begin(web, {5 * second, second, 7, "x"});
  drains.advance(now + 6 * second);
  EXPECT_EQ(phase(web), DrainPhase::Draining);
  EXPECT_EQ(drains.order(web).most_left, 7U);
  drains.begin(web, {5 * second, 100 * second, 0, "x"});
  drains.advance(now + 50 * second);
  EXPECT_EQ(phase(web), DrainPhase::Draining);
  drains.advance(now + 200 * second);
  EXPECT_EQ(phase(web), DrainPhase::Drained);
  std::uint64_t before = log.last();
  drains.begin(web, {5 * second, second, 0, "x"});
  EXPECT_EQ(phase(web), DrainPhase::Drained);
  EXPECT_EQ(log.last(), before);
}

TEST_F(DrainsTest, ASuccessorOfControlGoesOn) {
  drains.begin(web, {5 * second, 30 * second, 0, "x"});
  Events other_log;
  Drains successor(loop, segment, present, other_log, *this);
  successor.advance(now + 6 * second);
  EXPECT_EQ(phase(web), DrainPhase::Draining);
  EXPECT_EQ(other_log.last(), 1U);
}

TEST_F(DrainsTest, TellsOfItself) {
  EXPECT_EQ(drains.describe(web), "serving");
  drains.begin(web, {0, 0, 2, "uid 1"});
  tell(0, {1, 3});
  std::string text = drains.describe(web);
  EXPECT_TRUE(text.starts_with("draining since 20")) << text;
  EXPECT_TRUE(text.ends_with(" by uid 1, connections 4, in flight 3, done at 2")) << text;
  EXPECT_NE(drains.to_json().find("\"object\":\"web\""), std::string::npos);
}

}  // namespace
}  // namespace weir::admin
