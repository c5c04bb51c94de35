// SPDX-License-Identifier: Apache-2.0
//
// What a stream keeps of rules that have been put away: its own policy, and not for longer than it lives.  And what rules
// are made of.
#include "proxy/rules.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace weir::proxy {
namespace {

config::Config two_routes() {
  config::Config config;
  config.files = {"weir.conf"};
  config::Listener& listener = config.listeners.emplace_back();
  for (const char* text : {"one", "two"}) {
    config::Route& route = listener.routes.emplace_back();
    route.name = text;
    route.action.kind = config::Act::Respond;
    route.action.status = 200;
    route.action.text = text;
    if (route.name != "one") continue;
    config::Matcher& path = route.matchers.emplace_back();
    path.kind = config::Match::Path;
    path.value = "/one";
  }
  return config;
}

struct PolicyPinTest : testing::Test {
  PolicyPinTest() {
    const config::Config config = two_routes();
    const config::Listener& listener = config.listeners[0];
    rules = *Rules::build(config, listener, Rules::key(config, listener), factories);
    request.path = "/two";
  }
  const RoutePolicy& policy() { return *rules->match(request, net::Address(), arena).policy; }

  Arena arena;
  FilterFactories factories;
  std::shared_ptr<const Rules> rules;
  RequestHead request;
};

TEST_F(PolicyPinTest, KeepsAPolicyBeyondItsRules) {
  PolicyPin pin(policy());
  rules->keep_pinned();
  std::weak_ptr<const RoutePolicy> seen = pin->itself;
  rules.reset();
  ASSERT_FALSE(seen.expired());
  EXPECT_EQ(pin->route.name, "two");
  pin = PolicyPin();
  EXPECT_TRUE(seen.expired());
}

TEST_F(PolicyPinTest, TheLastOfSeveralLetsGo) {
  std::optional<PolicyPin> one(policy()), other(policy());
  rules->keep_pinned();
  std::weak_ptr<const RoutePolicy> seen = (*one)->itself;
  rules.reset();
  one.reset();
  EXPECT_FALSE(seen.expired());
  PolicyPin moved = std::move(*other);
  other.reset();
  EXPECT_FALSE(seen.expired());
  moved = PolicyPin();
  EXPECT_TRUE(seen.expired());
}

TEST_F(PolicyPinTest, NobodyKeepsWhatIsNotPinned) {
  const RoutePolicy& present = policy();
  { PolicyPin pin(present); }
  rules->keep_pinned();
  EXPECT_EQ(present.itself, nullptr);
  EXPECT_EQ(present.pins, 0u);
}

// A reload that changes one of these makes the rules anew.
TEST(Rules, KnowWhatTheFallbacksOfTheirRoutesSay) {
  config::Config config = two_routes();
  config::Listener& listener = config.listeners[0];
  config.backends.resize(3);
  for (std::uint32_t i = 0; i < 3; ++i) config.backends[i].number = i;
  config.backends[0].fallback = 2;
  listener.routes[0].action.kind = config::Act::Forward;
  std::uint64_t last = Rules::key(config, listener);
  const auto has_changed = [&] {
    const std::uint64_t before = std::exchange(last, Rules::key(config, listener));
    return before != last;
  };
  EXPECT_FALSE(has_changed());
  config.backends[2].number = 7;
  EXPECT_TRUE(has_changed());
  config.backends[2].policies.push_back({"header", {"remove", "X"}, {}});
  EXPECT_TRUE(has_changed());
  config.backends[2].policies[0].place.line = 9;
  EXPECT_TRUE(has_changed());
  config.backends[2].cleared.push_back("header");
  EXPECT_TRUE(has_changed());
  config.backends[0].fallback = 1;
  EXPECT_TRUE(has_changed());
  config.backends[2].policies.clear();
  EXPECT_FALSE(has_changed());
  FilterFactories factories;
  const auto rules = *Rules::build(config, listener, last, factories);
  EXPECT_EQ(rules->policies()[0]->fallbacks, (std::vector<std::uint32_t>{1}));
}

// Answers that no route gives are pinned like those of routes.
TEST(Rules, WhatHoldsWithoutARouteIsTheListenersOwn) {
  config::Config config = two_routes();
  config::Listener& listener = config.listeners[0];
  FilterFactories factories;
  const std::uint64_t plain = Rules::key(config, listener);
  EXPECT_EQ((*Rules::build(config, listener, plain, factories))->unrouted(), nullptr);
  listener.policies.push_back({"response_header", {"remove", "X"}, {}});
  EXPECT_NE(Rules::key(config, listener), plain);
  auto rules = *Rules::build(config, listener, Rules::key(config, listener), factories);
  ASSERT_NE(rules->unrouted(), nullptr);
  PolicyPin pin(*rules->unrouted());
  rules->keep_pinned();
  std::weak_ptr<const RoutePolicy> seen = pin->itself;
  rules.reset();
  ASSERT_FALSE(seen.expired());
  pin = PolicyPin();
  EXPECT_TRUE(seen.expired());
}

}  // namespace
}  // namespace weir::proxy
