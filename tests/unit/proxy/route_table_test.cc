// SPDX-License-Identifier: Apache-2.0
//
// The compiled table answers what trying one route after the other answers, but looks at few.
#include "proxy/route_table.h"

#include "http/path.h"

#include <gtest/gtest.h>

#include <random>
#include <string>
#include <vector>

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

// What a table decides about a request by its plain path.
Decision decide(const RouteTable& table, const RequestHead& request) {
  Arena arena;
  return table.decide(request, net::Address(), arena);
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
      ASSERT_EQ(decide(*table, request).route, expected) << request.host << " " << request.path;
      if (expected) {
        ASSERT_EQ(table->judge(*expected, request, net::Address()).failing, nullptr);
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
    Decision decision = decide(*table, request);
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
    return decide(*table, request).route;
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

TEST(RouteTable, FindsPrefixesBelowManySegments) {
  config::Listener listener;
  listener.routes.resize(3);
  std::string deep;
  for (int i = 0; i < 70; ++i) deep += "/s";
  listener.routes[0].matchers = {matcher(Match::Path, deep + "/*")};
  listener.routes[1].matchers = {matcher(Match::Path, deep.substr(0, 124) + "/*")};
  listener.routes[2].matchers = {matcher(Match::Path, "/s/*")};
  auto table = RouteTable::build(listener);
  ASSERT_TRUE(table);
  const std::string below = deep + "/x/y";
  for (std::size_t i = 0; i < 3; ++i) {
    RequestHead request;
    const std::string path = i == 0 ? below : below.substr(0, i == 1 ? 130 : 100);
    request.path = path;
    EXPECT_EQ(decide(*table, request).route, &listener.routes[i]) << path;
  }
}

// ---- Regular expressions that give up ----------------------------------------------------------

const std::string padded = "/" + std::string(5000, 'a') + "!";  // too much for the expression below
const char* const hostile = "^/(a+)+$";

// Routes with these matchers each, and what a request for `padded` comes to.
Decision of_padded(std::vector<std::vector<Matcher>> routes) {
  config::Listener listener;
  for (auto& matchers : routes) listener.routes.emplace_back().matchers = std::move(matchers);
  auto table = RouteTable::build(listener);
  EXPECT_TRUE(table);
  RequestHead request;
  request.path = padded;
  request.method_text = "GET";
  Decision decision = decide(*table, request);
  // The listener ends here; tests look at numbers.
  decision.route = nullptr;
  return decision;
}

TEST(RouteTable, ARegexThatGivesUpIsNeitherAMatchNorNone) {
  using enum http::Failure;
  const Matcher regex = matcher(Match::PathRegex, hostile);
  const Matcher get = matcher(Match::Method, "GET"), put = matcher(Match::Method, "PUT");
  // A deny rule does not fail open.
  EXPECT_EQ(of_padded({{regex}, {}}).failure, RegexLimit);
  EXPECT_EQ(of_padded({{regex}, {}}).position, 0U);
  EXPECT_EQ(of_padded({{get, regex}, {}}).failure, RegexLimit);
  EXPECT_EQ(of_padded({{matcher(Match::PathRegex, hostile, true)}, {}}).failure, RegexLimit);
  EXPECT_EQ(of_padded({{matcher(Match::PathRegex, "^/x"), regex}, {}}).failure, RegexLimit);
  // An earlier route decides, and so does one that is looked up in another bucket.
  EXPECT_EQ(of_padded({{}, {regex}}).failure, None);
  EXPECT_EQ(of_padded({{matcher(Match::Path, "/*")}, {regex}}).failure, None);
  EXPECT_EQ(of_padded({{regex}, {matcher(Match::Path, "/*")}}).failure, RegexLimit);
  EXPECT_EQ(of_padded({{put}, {regex}, {}}).position, 1U);
  // What is known without the expression is known.
  EXPECT_EQ(of_padded({{regex, put}, {}}).failure, None);
  EXPECT_EQ(of_padded({{regex, put}, {}}).position, 1U);
  EXPECT_EQ(of_padded({{matcher(Match::PathRegex, "^/a"), regex}, {}}).failure, None);
  EXPECT_EQ(of_padded({{regex, matcher(Match::PathRegex, "^/a")}, {}}).position, 0U);
}

TEST(RouteTable, TellsWhichExpressionGaveUp) {
  config::Listener listener;
  listener.routes.emplace_back().matchers = {matcher(Match::PathRegex, hostile),
                                             matcher(Match::Method, "PUT")};
  auto table = RouteTable::build(listener);
  ASSERT_TRUE(table);
  RequestHead request;
  request.path = padded;
  request.method_text = "PUT";
  const auto& matchers = listener.routes[0].matchers;
  Judgement judgement = table->judge(listener.routes[0], request, net::Address());
  EXPECT_EQ(judgement.failing, nullptr);
  EXPECT_EQ(judgement.unknown, &matchers[0]);
  request.method_text = "GET";
  judgement = table->judge(listener.routes[0], request, net::Address());
  EXPECT_EQ(judgement.failing, &matchers[1]);
  EXPECT_EQ(judgement.unknown, nullptr);
}

// ---- Paths that servers read in several ways ---------------------------------------------------

/// A listener with routes of one matcher each, by number.
struct Paths {
  explicit Paths(const std::vector<Matcher>& matchers,
                 config::PathCheck check = config::PathCheck::On) {
    listener.limits.path_check = check;
    for (const Matcher& each : matchers) listener.routes.emplace_back().matchers = {each};
  }

  // The number of the route, "none", or the name of the failure.
  std::string of(std::string_view sent) {
    auto table = RouteTable::build(listener);
    Arena arena;
    const auto path = http::read_path(sent, arena);
    if (!table || !path) return "malformed";
    RequestHead request;
    request.path = path->plain;
    request.forward_path = path->forwarded;
    request.has_path_readings = path->has_readings;
    const Decision decision = table->decide(request, net::Address(), arena);
    if (decision.failure != http::Failure::None)
      return std::string(http::traits(decision.failure).name);
    return decision.route ? std::to_string(decision.position) : "none";
  }

  config::Listener listener;
};

TEST(RoutePaths, AreServedIfAllReadingsTakeOneRoute) {
  Paths paths({matcher(Match::Path, "/api/*"), matcher(Match::Path, "/admin/*"),
               matcher(Match::Path, "/login.jsp"), matcher(Match::Path, "/*")});
  for (const char* sent : {"/api/queues/%2F/q", "/api//x", "/api/a;b=c/d", "/api/x%5Cy", "/%61pi/x",
                           "/api/%252525", "/api/100%25"})
    EXPECT_EQ(paths.of(sent), "0") << sent;
  for (const char* sent : {"/group%2Fproject", "/@scope%2fpkg", "/DOMAIN%5Cuser", "/bucket//key",
                           "/300x200/http://img.example/a.png", "/x;y", "/login.jspx;z"})
    EXPECT_EQ(paths.of(sent), "3") << sent;
  EXPECT_EQ(paths.of("/%61dmin/x"), "1");
  EXPECT_EQ(paths.of("/x/../admin"), "1");
  EXPECT_EQ(paths.of("/admin;x"), "ambiguous_path");
}

TEST(RoutePaths, AreRefusedIfOneReadingTakesAnother) {
  Paths paths({matcher(Match::Path, "/admin/*"), matcher(Match::Path, "/login.jsp"),
               matcher(Match::PathRegex, "^/(?i)secret"), matcher(Match::Path, "/*")});
  for (const char* sent : {"//admin",
                           "/x%2f..%2fadmin",
                           "/public/;/..;/admin",
                           "/;x/admin",
                           "/%2Fadmin",
                           "/%2fadmin/x",
                           "/%252fadmin",
                           "/%25252Fadmin",
                           "/%2561dmin",
                           "\\admin",
                           "/\\admin",
                           "/%5Cadmin",
                           "/admin%2Fx",
                           "/admin%3Bx",
                           "/admin;a/b",
                           "/login.jsp;jsessionid=1",
                           "/login.jsp%3b",
                           "/%2573ecret",
                           "//secret",
                           "/%2525252F"}) {
    if (sent[0] == '/')
      EXPECT_EQ(paths.of(sent), "ambiguous_path") << sent;
    else
      EXPECT_EQ(paths.of(sent), "malformed") << sent;
  }
  EXPECT_EQ(paths.of("/x/%0a"), "request_target");
  EXPECT_EQ(paths.of("/x%00"), "malformed");
}

TEST(RoutePaths, AreRefusedIfARouteMatchesInOneReadingOnly) {
  Paths paths({matcher(Match::Path, "/api/*")});
  EXPECT_EQ(paths.of("/x%2Fy"), "none");
  EXPECT_EQ(paths.of("/%2Fapi"), "ambiguous_path");
  Paths negated({matcher(Match::Path, "/admin/*", true)});
  EXPECT_EQ(negated.of("/public/x;y"), "0");
  EXPECT_EQ(negated.of("//admin"), "ambiguous_path");
}

TEST(RoutePaths, AreCheckedAsTheRouteOrElseTheListenerSays) {
  Paths strict({matcher(Match::Path, "/api/*"), matcher(Match::Path, "/*")},
               config::PathCheck::Strict);
  EXPECT_EQ(strict.of("/api/a%20b%C3%A9"), "0");
  EXPECT_EQ(strict.of("/api/a%2Fb"), "ambiguous_path");
  strict.listener.routes[0].limits.path_check = config::PathCheck::On;
  EXPECT_EQ(strict.of("/api/a%2Fb"), "0");
  EXPECT_EQ(strict.of("/x//y"), "ambiguous_path");

  Paths off({matcher(Match::Path, "/admin/*"), matcher(Match::Path, "/*")}, config::PathCheck::Off);
  for (const char* sent :
       {"//admin", "/public/;/..;/admin", "/x%2f..%2fadmin", "/%0a", "/%2525252F"})
    EXPECT_EQ(off.of(sent), "1") << sent;
  EXPECT_EQ(off.of("/x%2500"), "malformed");
  off.listener.routes[1].limits.path_check = config::PathCheck::Strict;
  EXPECT_EQ(off.of("//admin"), "ambiguous_path");
}

TEST(RoutePaths, TellOfTheReadingThatTakesAnotherRoute) {
  config::Listener listener;
  listener.routes.resize(2);
  listener.routes[0].matchers = {matcher(Match::Path, "/admin/*")};
  auto table = RouteTable::build(listener);
  ASSERT_TRUE(table);
  RequestHead request;
  request.path = request.forward_path = "//admin/long/path";
  request.has_path_readings = true;
  Arena arena;
  const Decision decision = table->decide(request, net::Address(), arena);
  EXPECT_EQ(decision.failure, http::Failure::AmbiguousPath);
  EXPECT_EQ(decision.route, &listener.routes[1]);
  EXPECT_EQ(decision.other, &listener.routes[0]);
  EXPECT_TRUE(std::string_view("/admin/long/path").starts_with(decision.reading));
}

// Also in a reading, an expression that gives up is an answer of its own.
TEST(RoutePaths, ReadingsMayReachTheLimitOfARegex) {
  Paths paths({matcher(Match::PathRegex, hostile), matcher(Match::Path, "/*")});
  EXPECT_EQ(paths.of("/;" + std::string(5000, 'x')), "1");
  EXPECT_EQ(paths.of("/" + std::string(5000, 'a') + "%21"), "regex_limit");
}

}  // namespace
}  // namespace weir::proxy
