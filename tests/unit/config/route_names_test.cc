// SPDX-License-Identifier: Apache-2.0
//
// What routes without a name are called: by their matchers, whatever line they stand in.
#include "config/route_names.h"

#include "config/loading.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::config {
namespace {

// The names of these routes, each on a line.
std::string names_of(const std::string& routes) {
  const Loaded loaded = load_text("listener a { bind 127.0.0.1:1\n" + routes + "}");
  EXPECT_TRUE(loaded.config) << loaded.diagnostics.text();
  std::string names;
  if (loaded.config)
    for (const Route& route : loaded.config->listeners[0].routes) names += route.name + "\n";
  return names;
}

TEST(RouteNames, AreTheMatchersAsWritten) {
  EXPECT_EQ(names_of("route path /api/* close\n"
                     "route not method GET host a.example path /x close\n"
                     "route path_regex '^/v[0-9]+ \"' close\n"
                     "route api path /y close\n"
                     "route close\n"),
            "path /api/*\n"
            "not method GET host a.example path /x\n"
            "path_regex \"^/v[0-9]+ \\\"\"\n"
            "api\n"
            "any\n");
}

TEST(RouteNames, DoNotDependOnLines) {
  const std::string before = names_of("route path /a close\nroute path /b close; route close\n");
  EXPECT_EQ(names_of("# a comment\n\n\nroute path /a close; route path /b close\n\nroute close\n"),
            before);
}

TEST(RouteNames, KeepValuesThatMayBeSecretsToThemselves) {
  const std::string names = names_of(
      "route header authorization 'Bearer topsecret' close\n"
      "route cookie sid topsecret query token topsecret close\n"
      "route not client_cert fingerprint topsecret close\n"
      "route header Authorization topsecret close\n");
  EXPECT_EQ(names,
            "header Authorization\ncookie sid query token\nnot client_cert fingerprint\n"
            "header Authorization #2\n");
}

TEST(RouteNames, NumberThoseThatAreAlike) {
  EXPECT_EQ(names_of("route path /a close\nroute path /a close\nroute path /a close\n"
                     "route any path /b close\nroute close\nroute close\n"),
            "path /a\npath /a #2\npath /a #3\nany\nany #2\nany #3\n");
}

TEST(RouteNames, AreCutWhenTheyAreLong) {
  const std::string path(80, 'x');
  const std::string one = names_of("route path /" + path + "1 close\n");
  const std::string other = names_of("route path /" + path + "2 close\n");
  EXPECT_EQ(one.size(), longest_route_name + 1) << one;
  EXPECT_EQ(one.substr(0, 55), ("path /" + path).substr(0, 55));
  EXPECT_EQ(one[55], '~');
  EXPECT_EQ(one.find_first_not_of("0123456789abcdef", 56), 64U);
  EXPECT_NE(one, other);
  EXPECT_EQ(names_of("route path /" + path + "1 close\n"), one) << "always the same";
  const std::string fits(58, 'y');
  EXPECT_EQ(names_of("route path /" + fits + " close\n"), "path /" + fits + "\n");
}

TEST(RouteNames, CutBetweenCharacters) {
  std::string umlauts;
  for (int i = 0; i < 40; ++i) umlauts += "\xc3\xa4";
  for (const char* before : {"", "x"}) {
    const std::string name = names_of("route path_regex " + (before + umlauts) + " close\n");
    const std::size_t mark = name.find('~');
    ASSERT_NE(mark, std::string::npos) << name;
    EXPECT_EQ(static_cast<unsigned char>(name[mark - 1]), 0xa4) << name;
  }
}

}  // namespace
}  // namespace weir::config
