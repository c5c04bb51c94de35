// SPDX-License-Identifier: Apache-2.0
//
// Numbers as written, and identities that do not depend on where something stands.
#include "config/identity.h"

#include "config/loading.h"

#include <gtest/gtest.h>

#include <set>

namespace weir::config {
namespace {

Config config_of(const std::string& text) {
  const Loaded loaded = load_text(text);
  EXPECT_TRUE(loaded.config) << loaded.diagnostics.text();
  return loaded.config.value_or(Config());
}

TEST(Identity, NumbersAreThePlacesAsWritten) {
  const Config config = config_of(R"(
    backend a { server s 127.0.0.1:1 }
    backend b { server s 127.0.0.1:2 }
    listener x { bind 127.0.0.1:8080; route path /a forward a; route forward b }
    listener y { bind 127.0.0.1:8081; route path /c close; route close })");
  ASSERT_EQ(config.backends.size(), 2U);
  ASSERT_EQ(config.listeners.size(), 2U);
  EXPECT_EQ(config.backends[1].number, 1U);
  EXPECT_EQ(config.listeners[1].number, 1U);
  EXPECT_EQ(config.listeners[0].routes[1].number, 1U);
  EXPECT_EQ(config.listeners[1].routes[0].number, 2U);
  EXPECT_EQ(config.listeners[1].routes[1].number, 3U);
  EXPECT_EQ(find_listener(config, 1), &config.listeners[1]);
  EXPECT_EQ(find_listener(config, 2), nullptr);
  EXPECT_EQ(find_route(config.listeners[1], 3), &config.listeners[1].routes[1]);
  EXPECT_EQ(find_route(config.listeners[0], 3), nullptr);
}

TEST(Identity, OfARouteIsItsNameOrWhatItMatches) {
  const Config before = config_of(R"(
    listener x {
      bind 127.0.0.1:8080
      route api host a.example path /a close
      route host b.example path /b respond 200 one
      route header x-kind "with blank" close
      route close
    })");
  const Config after = config_of(R"(
    listener x {
      bind 127.0.0.1:8080

      route path /new close
      route path /b host b.example respond 200 two
      route api method GET close
      route header x-kind "with blank" respond 204
      route close
    })");
  ASSERT_EQ(before.listeners.size(), 1U);
  ASSERT_EQ(after.listeners.size(), 1U);
  EXPECT_TRUE(before.listeners[0].routes[0].named);
  EXPECT_FALSE(before.listeners[0].routes[1].named);
  const auto old = route_identities(before.listeners[0]);
  const auto now = route_identities(after.listeners[0]);
  EXPECT_EQ(old[0], "x/api");
  EXPECT_EQ(old[0], now[2]);
  EXPECT_EQ(old[1], now[1]);
  EXPECT_EQ(old[2], now[3]);
  EXPECT_EQ(old[3], "x/*");
  EXPECT_EQ(old[3], now[4]);
}

TEST(Identity, OfSeveralThatMatchTheSameIsTheirOrder) {
  const Config config = config_of(R"(
    listener x {
      bind 127.0.0.1:8080
      route path /a close
      route path /a respond 200 two
      route path /a respond 200 three
      route close
      route respond 404
    })");
  ASSERT_EQ(config.listeners.size(), 1U);
  const auto identities = route_identities(config.listeners[0]);
  EXPECT_EQ(identities, (std::vector<std::string>{"x/path /a", "x/path /a #2", "x/path /a #3",
                                                  "x/*", "x/* #2"}));
}

TEST(Identity, OfARouteWithoutNameHasTheValuesOfItsMatchers) {
  const Config config = config_of(R"(
    listener web {
      bind 127.0.0.1:8080
      route api path /a close
      route path /b host x close; route host x path /b close
      route header A '#2' header a "b c" close
      route header A '#2' header a "b c" close
      route client 10.0.0.1 close
      route close; route close
    })");
  EXPECT_EQ(route_identities(config.listeners[0]),
            (std::vector<std::string>{"web/api", "web/host x path /b", "web/host x path /b #2",
                                      "web/header a \"#2\" header a \"b c\"",
                                      "web/header a \"#2\" header a \"b c\" #2",
                                      "web/client 10.0.0.1/32", "web/*", "web/* #2"}));
}

}  // namespace
}  // namespace weir::config
