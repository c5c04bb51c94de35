// SPDX-License-Identifier: Apache-2.0
//
// Routes that can never match, those that look so but can, and what finding out costs.
#include "config/reachability.h"

#include "config/loading.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::config {
namespace {

// The numbers of unreachable routes and what covers them, "2<1 "; routes are separated by ';'.
std::string unreachable(const std::string& routes) {
  const Loaded loaded = load_text("listener a { bind 127.0.0.1:1\n" + routes + "\n}");
  EXPECT_TRUE(loaded.config) << loaded.diagnostics.text();
  std::string all;
  for (const Unreachable& found : find_unreachable(loaded.config->listeners[0].routes))
    all += std::to_string(found.route) + "<" + std::to_string(found.cover) + " ";
  return all;
}

TEST(Reachability, Cases) {
  const struct {
    const char* routes;
    const char* found;
  } cases[] = {
      // Everything, and what comes after.
      {"route close; route path /a close; route host h close", "1<0 2<0 "},
      {"route path /a close; route close", ""},
      // Paths.
      {"route path /a close; route path /a close", "1<0 "},
      {"route path /a close; route path /a/* close", ""},
      {"route path /a/* close; route path /a close", "1<0 "},
      {"route path /a/* close; route path /a/b close", "1<0 "},
      {"route path /a/* close; route path /a/b/* close", "1<0 "},
      {"route path /a/* close; route path /ab close", ""},
      {"route path /a/b/* close; route path /a/* close", ""},
      {"route path /* close; route path / close; route path /x/* close", "1<0 2<0 "},
      {"route path /* close; route close", ""},
      {"route path /a/* close; route path /a/ close", "1<0 "},
      // Hosts.
      {"route host h close; route host h path /a close", "1<0 "},
      {"route host h path /a close; route host h close", ""},
      {"route host *.b close; route host a.b close; route host *.a.b close", "1<0 2<0 "},
      {"route host *.b close; route host b close", ""},
      {"route host a.b close; route host *.b close", ""},
      // A route is covered piece by piece, by several before it.
      {"route host h close; route host i close; route host h host i close", "2<1 "},
      {"route host h close; route host h host i close", ""},
      {"route path /a close; route path /b host h close; route path /a path /b host h close",
       "2<1 "},
      // Other matchers only narrow a route down.
      {"route path /a close; route path /a method GET close", "1<0 "},
      {"route path /a method GET close; route path /a close", ""},
      {"route method GET close; route method GET close", "1<0 "},
      {"route method GET method PUT close; route method PUT method GET close", "1<0 "},
      {"route method GET method PUT close; route method GET close", ""},
      {"route method GET close; route method GET header X 1 close", "1<0 "},
      {"route method GET header X 1 close; route header X 1 method GET path /a close", "1<0 "},
      {"route header X 1 close; route header X 2 close", ""},
      {"route header X 1 close; route query X 1 close", ""},
      {"route not method GET close; route method GET close", ""},
      {"route not method GET close; route not method GET path /a close", "1<0 "},
      {"route not host h close; route host h close", ""},
      {"route path_regex x close; route path /x close", ""},
  };
  for (const auto& each : cases) EXPECT_EQ(unreachable(each.routes), each.found) << each.routes;
}

std::size_t lookups_for(int routes) {
  std::string text;
  for (int i = 0; i < routes; ++i) {
    const std::string n = std::to_string(i);
    text += "route host h" + n + ".example.com path /v" + n + "/items/* method GET close\n";
  }
  const Loaded loaded = load_text("listener a { bind 127.0.0.1:1\n" + text + "}");
  EXPECT_TRUE(loaded.config) << loaded.diagnostics.text();
  std::size_t lookups = 0;
  EXPECT_TRUE(find_unreachable(loaded.config->listeners[0].routes, &lookups).empty());
  return lookups;
}

TEST(Reachability, WorkGrowsWithTheRoutesAndNoFaster) {
  const std::size_t small = lookups_for(100);
  EXPECT_GT(small, 100U);
  EXPECT_EQ(lookups_for(10000), 100 * small);
}

TEST(Reachability, OneRouteCostsABoundedNumberOfLookups) {
  std::string route = "route";
  for (int i = 0; i < 8; ++i) {
    std::string host = "h" + std::to_string(i), path;
    for (int depth = 0; depth < 40; ++depth) host += ".x", path += "/p" + std::to_string(i);
    route += " host " + host + " path " + path;
  }
  const Loaded loaded =
      load_text("listener a { bind 127.0.0.1:1\n" + route + " close\n" + route + " close }");
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  std::size_t lookups = 0;
  find_unreachable(loaded.config->listeners[0].routes, &lookups);
  EXPECT_LE(lookups, 2 * 4097U);
}

}  // namespace
}  // namespace weir::config
