// SPDX-License-Identifier: Apache-2.0
//
// Numbers over many configurations: kept, given, taken from those that nobody uses.
#include "upstream/numbering.h"

#include "shm/segment.h"

#include <gtest/gtest.h>

#include <initializer_list>
#include <memory>
#include <string>

namespace weir::upstream {
namespace {

using shm::Finished;
using shm::Of;
using shm::Tally;

config::Config make_config(std::initializer_list<const char*> backends,
                           std::initializer_list<const char*> routes = {}) {
  config::Config config;
  for (const char* name : backends) config.backends.emplace_back().name = name;
  config::Listener& listener = config.listeners.emplace_back();
  listener.name = "web";
  for (const char* name : routes) {
    config::Route& route = listener.routes.emplace_back();
    route.name = name;
    route.named = true;
  }
  return config;
}

/// Shared memory with room for 2 listeners, 4 routes and 3 backends.
class Numbering : public testing::Test {
 protected:
  Result<void> assign(config::Config& config,
                      std::initializer_list<const config::Config*> in_use = {}) {
    return assign_numbers(config, identities_, counters_, {in_use.begin(), in_use.size()});
  }

  shm::Segment segment_ = *shm::Segment::create({.listeners = 2, .routes = 4, .backends = 3});
  shm::Identities identities_{segment_};
  shm::Counters counters_{segment_, 0};
};

TEST_F(Numbering, StaysWithWhatIsCalledTheSame) {
  config::Config first = make_config({"a", "b"}, {"x", "y"});
  ASSERT_TRUE(assign(first));
  EXPECT_EQ(first.backends[1].number, 1U);
  config::Config next = make_config({"new", "b", "a"}, {"y", "new", "x"});
  ASSERT_TRUE(assign(next, {&first}));
  EXPECT_EQ(next.backends[0].number, 2U);
  EXPECT_EQ(next.backends[1].number, first.backends[1].number);
  EXPECT_EQ(next.backends[2].number, first.backends[0].number);
  EXPECT_EQ(next.listeners[0].number, first.listeners[0].number);
  EXPECT_EQ(next.listeners[0].routes[0].number, first.listeners[0].routes[1].number);
  EXPECT_EQ(next.listeners[0].routes[1].number, 2U);
  EXPECT_EQ(next.listeners[0].routes[2].number, first.listeners[0].routes[0].number);
}

TEST_F(Numbering, RoutesOfOtherListenersAreOthers) {
  config::Config config = make_config({}, {"x"});
  config.listeners.push_back(config.listeners[0]);
  config.listeners[1].name = "other";
  ASSERT_TRUE(assign(config));
  EXPECT_NE(config.listeners[0].number, config.listeners[1].number);
  EXPECT_NE(config.listeners[0].routes[0].number, config.listeners[1].routes[0].number);
}

TEST_F(Numbering, WorkersTakeWhatControlHasGiven) {
  config::Config given = make_config({"a"}, {"x"}), other = make_config({"b", "a"}, {"y", "x"});
  config::Config worker = other;
  EXPECT_EQ(take_numbers(worker, identities_).error().code(), Errc::NotFound);
  ASSERT_TRUE(assign(given));
  EXPECT_EQ(take_numbers(worker, identities_).error().code(), Errc::NotFound);
  ASSERT_TRUE(assign(other, {&given}));
  ASSERT_TRUE(take_numbers(worker, identities_));
  EXPECT_EQ(worker.backends[0].number, other.backends[0].number);
  EXPECT_EQ(worker.backends[1].number, given.backends[0].number);
  EXPECT_EQ(worker.listeners[0].routes[1].number, given.listeners[0].routes[0].number);
}

TEST_F(Numbering, WhatComesBackFindsItsNumberAndCounts) {
  config::Config first = make_config({"a", "b"}), without = make_config({"b"});
  ASSERT_TRUE(assign(first));
  counters_.add(Of::Backend, first.backends[0].number, Tally::Requests, 7);
  ASSERT_TRUE(assign(without, {&first}));
  config::Config back = make_config({"a", "b"});
  ASSERT_TRUE(assign(back, {&without}));
  EXPECT_EQ(back.backends[0].number, first.backends[0].number);
  EXPECT_EQ(counters_.sum(Of::Backend, back.backends[0].number, Tally::Requests), 7U);
}

TEST_F(Numbering, WithoutAFreeOneTheLongestUnusedIsGivenAndCountsAnew) {
  config::Config one = make_config({"a", "b", "c"});
  ASSERT_TRUE(assign(one));
  config::Config two = make_config({"b", "c"}), three = make_config({"c"});
  ASSERT_TRUE(assign(two, {&one}));
  ASSERT_TRUE(assign(three, {&two}));
  counters_.add(Of::Backend, one.backends[0].number, Finished(2, false, 0, 0, 1000));
  config::Config four = make_config({"c", "d"});
  ASSERT_TRUE(assign(four, {&three}));
  EXPECT_EQ(four.backends[1].number, one.backends[0].number);
  EXPECT_EQ(counters_.sum(Of::Backend, four.backends[1].number, Tally::Requests), 0U);
  EXPECT_EQ(counters_.latencies(Of::Backend, four.backends[1].number).total, 0U);
  EXPECT_FALSE(take_numbers(one, identities_));  // a has none any more
}

TEST_F(Numbering, NobodyLosesANumberThatIsInUse) {
  config::Config old = make_config({"a", "b"}), now = make_config({"b", "c"});
  ASSERT_TRUE(assign(old));
  ASSERT_TRUE(assign(now, {&old}));
  config::Config next = make_config({"c", "d"});
  auto refused = assign(next, {&old, &now});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::Limit);
  EXPECT_NE(refused.error().text().find("needs upgrade"), std::string::npos);
  EXPECT_TRUE(take_numbers(old, identities_));
  EXPECT_TRUE(take_numbers(now, identities_));
  // When the old one has ended, its number is free.
  ASSERT_TRUE(assign(next, {&now}));
  EXPECT_EQ(next.backends[1].number, old.backends[0].number);
}

}  // namespace
}  // namespace weir::upstream
