// SPDX-License-Identifier: Apache-2.0
//
// The compiled table answers what trying one route after the other answers, but looks at few.
#include "proxy/route_table.h"

#include <gtest/gtest.h>

#include <random>

namespace weir::proxy {
namespace {

using config::Match;
using config::Matcher;

Matcher matcher(Match kind, std::string value, bool negated = false, std::string name = {}) {
  Matcher made;
  made.kind = kind;
  made.value = std::move(value);
  made.negated = negated;
  made.name = std::move(name);
  return made;
}

// The rules in their plainest form: one route after the other.
bool naive_path(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with("/*")) return pattern == path;
  std::string_view prefix = pattern.substr(0, pattern.size() - 2);
  return path == prefix || path.substr(0, prefix.size() + 1) == std::string(prefix) + "/";
}

bool naive_host(std::string_view pattern, std::string_view host) {
  if (!pattern.starts_with("*.")) return pattern == host;
  return host.size() > pattern.size() - 1 && host.ends_with(pattern.substr(1));
}

bool naive_one(const Matcher& m, const RequestHead& request) {
  switch (m.kind) {
    case Match::Host: return naive_host(m.value, request.host);
    case Match::Path: return naive_path(m.value, request.path);
    case Match::Method: return m.value == request.method_text;
    default: return false;
  }
}

const config::Route* naive(const config::Listener& listener, const RequestHead& request) {
  for (const config::Route& route : listener.routes) {
    bool all = true;
    for (Match kind : {Match::Host, Match::Path, Match::Method}) {
      bool some = false, any = false;
      for (const Matcher& m : route.matchers) {
        if (m.kind != kind) continue;
        if (m.negated)
          all = all && !naive_one(m, request);
        else
          some = true, any = any || naive_one(m, request);
      }
      all = all && (!some || any);
    }
    if (all) return &route;
  }
  return nullptr;
}

TEST(RouteTable, AgreesWithTryingOneAfterTheOther) {
  std::mt19937 random(23);
  const std::vector<std::string> hosts = {"a.example", "b.example",   "x.a.example",
                                          "*.example", "*.a.example", "c"};
  const std::vector<std::string> paths = {"/",    "/*",     "/a",   "/a/*",
                                          "/a/b", "/a/b/*", "/b/*", "/a/b/c"};
  const std::vector<std::string> asked_hosts = {
      "a.example", "b.example", "x.a.example", "y.x.a.example", "c", "", "z"};
  const std::vector<std::string> asked_paths = {"/",      "/a",  "/a/", "/a/b",   "/a/b/",
                                                "/a/b/c", "/ab", "/b",  "/b/x/y", "*"};
  for (int round = 0; round < 400; ++round) {
    config::Listener listener;
    listener.routes.resize(random() % 12);
    for (config::Route& route : listener.routes)
      for (std::size_t n = random() % 5; n > 0; --n) {
        bool negated = random() % 6 == 0;
        switch (random() % 3) {
          case 0:
            route.matchers.push_back(matcher(Match::Host, hosts[random() % hosts.size()], negated));
            break;
          case 1:
            route.matchers.push_back(matcher(Match::Path, paths[random() % paths.size()], negated));
            break;
          default:
            route.matchers.push_back(
                matcher(Match::Method, random() % 2 ? "GET" : "POST", negated));
        }
      }
    auto table = RouteTable::build(listener);
    ASSERT_TRUE(table);
    for (int ask = 0; ask < 50; ++ask) {
      RequestHead request;
      request.host = asked_hosts[random() % asked_hosts.size()];
      request.path = asked_paths[random() % asked_paths.size()];
      request.method_text = random() % 2 ? "GET" : "POST";
      const config::Route* expected = naive(listener, request);
      ASSERT_EQ(table->match(request, net::Address()).route, expected)
          << request.host << " " << request.path;
      if (expected) {
        ASSERT_EQ(table->failing(*expected, request, net::Address()), nullptr);
      }
    }
  }
}

TEST(RouteTable, LooksAtNoMoreRoutesWhenThereAreMany) {
  config::Listener listener;
  for (int i = 0; i < 10'000; ++i) {
    config::Route route;
    route.matchers.push_back(matcher(Match::Host, "h" + std::to_string(i % 100) + ".example"));
    route.matchers.push_back(matcher(Match::Path, "/p" + std::to_string(i / 100) + "/*"));
    listener.routes.push_back(std::move(route));
  }
  auto table = RouteTable::build(listener);
  ASSERT_TRUE(table);
  for (int i = 0; i < 10'000; i += 7) {
    RequestHead request;
    std::string host = "h" + std::to_string(i % 100) + ".example",
                path = "/p" + std::to_string(i / 100) + "/x";
    request.host = host;
    request.path = path;
    Decision decision = table->match(request, net::Address());
    EXPECT_EQ(decision.route, &listener.routes[static_cast<std::size_t>(i)]);
    EXPECT_EQ(decision.tried, 1U);
  }
}

TEST(RouteTable, TriesConditionsOnFieldsQueryCookieAndRegex) {
  config::Listener listener;
  listener.routes.resize(4);
  listener.routes[0].matchers = {matcher(Match::Header, "yes", false, "x-canary")};
  listener.routes[1].matchers = {matcher(Match::Query, "a b", false, "q")};
  listener.routes[2].matchers = {matcher(Match::Cookie, "on", false, "beta")};
  listener.routes[3].matchers = {matcher(Match::PathRegex, "^/v[0-9]+/")};
  auto table = RouteTable::build(listener);
  ASSERT_TRUE(table);
  Arena arena;
  auto ask = [&](auto change) -> const config::Route* {
    RequestHead request;
    request.path = "/x";
    change(request);
    return table->match(request, net::Address()).route;
  };
  EXPECT_EQ(ask([](RequestHead&) {}), nullptr);
  EXPECT_EQ(ask([&](RequestHead& r) { r.headers.add(arena, "X-Canary", "yes"); }),
            &listener.routes[0]);
  EXPECT_EQ(ask([&](RequestHead& r) { r.headers.add(arena, "X-Canary", "no"); }), nullptr);
  EXPECT_EQ(ask([](RequestHead& r) { r.query = "p=1&q=a+b"; }), &listener.routes[1]);
  EXPECT_EQ(ask([](RequestHead& r) { r.query = "q=a%20b"; }), &listener.routes[1]);
  EXPECT_EQ(ask([&](RequestHead& r) { r.headers.add(arena, "Cookie", "x=1; beta=on"); }),
            &listener.routes[2]);
  EXPECT_EQ(ask([](RequestHead& r) { r.path = "/v2/y"; }), &listener.routes[3]);
}

TEST(RouteTable, NamesTheRouteOfABadExpression) {
  config::Listener listener;
  listener.routes.resize(1);
  listener.routes[0].name = "broken";
  listener.routes[0].matchers = {matcher(Match::PathRegex, "(")};
  auto table = RouteTable::build(listener);
  ASSERT_FALSE(table);
  EXPECT_NE(table.error().text().find("broken"), std::string::npos);
}

}  // namespace
}  // namespace weir::proxy
