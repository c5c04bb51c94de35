// SPDX-License-Identifier: Apache-2.0
//
// Includes: order, places, limits, and files that may be left out.
#include "config/include.h"

#include "config/loading.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::config {
namespace {

constexpr const char* web = "listener web { bind 127.0.0.1:1; route close }\n";

TEST(Include, StatementsTakeThePlaceOfTheInclude) {
  World world;
  world.files = {
      {"weir.conf", "listener web { bind 127.0.0.1:1\ninclude sub/routes.conf\nroute close }\n"},
      {"sub/routes.conf", "route a path /a close\ninclude ../more.conf"},
      {"more.conf", "route b path /b close"}};
  const Loaded loaded = load_world(world);
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  const auto& routes = loaded.config->listeners[0].routes;
  ASSERT_EQ(routes.size(), 3U);
  EXPECT_EQ(routes[0].name, "a");
  EXPECT_EQ(routes[1].name, "b");
  EXPECT_EQ(loaded.config->files,
            (std::vector<std::string>{"weir.conf", "sub/routes.conf", "more.conf"}));
  EXPECT_EQ(routes[1].place.file, 2U);
}

TEST(Include, PatternsMayMatchNothing) {
  World world;
  world.files = {{"weir.conf", std::string("include conf.d/*.conf\n") + web}};
  world.listings["conf.d/*.conf"] = {};
  EXPECT_TRUE(load_world(world).config);
}

TEST(Include, CyclesAndDepthAreRefused) {
  World world;
  world.files = {{"weir.conf", "include a.conf"},
                 {"a.conf", "include b.conf"},
                 {"b.conf", "include ./a.conf"}};
  EXPECT_NE(
      load_world(world).diagnostics.text().find("b.conf:1:1: error: \"a.conf\" includes itself"),
      std::string::npos);

  World deep;
  deep.files["weir.conf"] = std::string("include 1\n") + web;
  for (int i = 1; i < 17; ++i)
    deep.files[std::to_string(i)] = i < 16 ? "include " + std::to_string(i + 1) : "";
  EXPECT_TRUE(load_world(deep).config) << load_world(deep).diagnostics.text();
  deep.files["16"] = "include 17";
  deep.files["17"] = "";
  EXPECT_NE(load_world(deep).diagnostics.text().find(
                "16:1:1: error: files included by files, more than 16 deep"),
            std::string::npos);
}

TEST(Include, BombsAreDefused) {
  World world;
  for (int i = 0; i < 16; ++i) {
    const std::string next = "include " + std::to_string(i + 1) + "\n";
    world.files[i == 0 ? "weir.conf" : std::to_string(i)] = next + next + next + next;
  }
  world.files["16"] = "";
  const Loaded loaded = load_world(world);
  EXPECT_FALSE(loaded.config);
  EXPECT_NE(loaded.diagnostics.text().find("more than 16384 files included"), std::string::npos);
}

TEST(Include, IsolatedFilesWithErrorsAreLeftOut) {
  World world;
  world.files = {
      {"weir.conf", std::string("include t/*.conf isolated\n") + web},
      {"t/a.conf",
       "listener a { bind 127.0.0.1:2; route forward a }\nbackend a { server s 127.0.0.1:3 }"},
      {"t/b.conf", "include sub.conf"},
      {"t/c.conf", "listener c { bind 127.0.0.1:4; route forward b }"},
      {"t/sub.conf", "backend b { server s 127.0.0.1:3; balance nonsense }"}};
  world.listings["t/*.conf"] = {"t/a.conf", "t/b.conf", "t/c.conf", "t/gone.conf"};
  const Loaded loaded = load_world(world);
  ASSERT_TRUE(loaded.config) << loaded.diagnostics.text();
  // b is wrong, through the file it includes; c refers to what b would have defined.
  ASSERT_EQ(loaded.config->listeners.size(), 2U);
  EXPECT_EQ(loaded.config->listeners[0].name, "a");
  EXPECT_EQ(loaded.config->listeners[1].name, "web");
  const std::string text = loaded.diagnostics.text();
  for (const char* part :
       {"t/sub.conf:1:43: warning: unknown balance method", "\"t/b.conf\" is left out",
        "t/c.conf:1:46: warning: unknown backend \"b\"", "\"t/c.conf\" is left out",
        "weir.conf:1:1: warning: \"t/gone.conf\" cannot be opened; it is left out"})
    EXPECT_NE(text.find(part), std::string::npos) << part << "\n" << text;
}

TEST(Include, ErrorsOutsideOfIsolatedFilesStopTheLoad) {
  World world;
  world.files = {{"weir.conf", "include a.conf isolated\nworkers 0"}, {"a.conf", "nonsense"}};
  const Loaded loaded = load_world(world);
  EXPECT_FALSE(loaded.config);
  EXPECT_NE(loaded.diagnostics.text().find("a.conf:1:1: warning: unknown directive"),
            std::string::npos);
  EXPECT_NE(loaded.diagnostics.text().find("weir.conf:2:9: error: \"0\" is not"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::config
