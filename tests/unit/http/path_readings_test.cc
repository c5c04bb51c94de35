// SPDX-License-Identifier: Apache-2.0
//
// What careless readers make of a path: what is hidden from plain ones, and the readings one by one.
#include "http/path_readings.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir::http {
namespace {

Hidden hidden_in(std::string_view sent) {
  Arena arena;
  const auto path = read_path(sent, arena);
  EXPECT_TRUE(path) << sent;
  return path ? find_hidden(*path, arena) : Hidden::Nothing;
}

TEST(FindHidden, FindsDotSegmentsOfEveryReader) {
  for (const char* sent :
       {"/public/;/..;/admin", "/x%2f..%2fadmin", "/..;/a", "/.;x=y/a", "/%2e%2e;/", "/..%3b",
        "/.%3B/", "/%252e%252e/a", "/%25252e%25252e/a", "/a\\..\\b", "/a%5c..%5Cb", "/a/..%2f",
        "/..%5c", "/%2e%2e%2fa", "/a%2f%2e%2e", "/a%252f..%252fb", "/a/%2e%252e/b", "/a/..%253bx/b",
        "/a%3b/..;a/b"})
    EXPECT_EQ(hidden_in(sent), Hidden::Dots) << sent;
  for (const char* sent : {"/...;/a", "/a..;/b", "/a%2f...%2fb", "/..a%2f", "/%252e%252ea", "/a;..",
                           "/a;/b;..", "/a%2f.b", "/.a;", "/a%2fb", "//", "/a//b"})
    EXPECT_EQ(hidden_in(sent), Hidden::Nothing) << sent;
}

TEST(FindHidden, FindsControlsAndDepth) {
  for (const char* sent : {"/%01", "/%09", "/%0a", "/%1f", "/%7F", "/%250a", "/%25250D"})
    EXPECT_EQ(hidden_in(sent), Hidden::Control) << sent;
  for (const char* sent : {"/%20", "/%80", "/%9f", "/%C3%A9", "/%25", "/%2525", "/%252525"})
    EXPECT_EQ(hidden_in(sent), Hidden::Nothing) << sent;
  EXPECT_EQ(hidden_in("/%2525252f"), Hidden::TooDeep);
  EXPECT_EQ(hidden_in("/%2525252525"), Hidden::TooDeep);
  EXPECT_EQ(hidden_in("/%25252f"), Hidden::Nothing);
}

std::set<std::string> readings_of(std::string_view sent, std::size_t most = SIZE_MAX) {
  Arena arena;
  const auto path = read_path(sent, arena);
  EXPECT_TRUE(path) << sent;
  PathReadings readings(*path, most, arena);
  std::set<std::string> all;
  int count = 0;
  while (const auto reading = readings.next()) {
    all.emplace(*reading);
    EXPECT_LE(++count, 100);
  }
  EXPECT_FALSE(all.contains(std::string(path->plain)));
  return all;
}

using Set = std::set<std::string>;

TEST(PathReadings, DiffersInSegmentsOnly) {
  EXPECT_EQ(readings_of("/a%20b/%c3%a9/100%25/%22"), Set());
  EXPECT_EQ(readings_of("/%61"), Set());
  EXPECT_EQ(readings_of("/\xc3\xa9%41"), Set());
}

TEST(PathReadings, DecodesMergesAndCuts) {
  EXPECT_EQ(readings_of("/a%2Fb"), Set{"/a/b"});
  EXPECT_EQ(readings_of("/%40a"), Set{"/@a"});
  EXPECT_EQ(readings_of("/a//b"), Set{"/a/b"});
  EXPECT_EQ(readings_of("//a"), Set{"/a"});
  EXPECT_EQ(readings_of("/a;x=1/b"), Set{"/a/b"});
  EXPECT_EQ(readings_of("/a/;x/b"), (Set{"/a//b", "/a/b"}));
  EXPECT_EQ(readings_of("/a\\b"), Set{"/a/b"});
  EXPECT_EQ(readings_of("/a%5Cb"), Set{"/a/b"});
  EXPECT_EQ(readings_of("/a%3bx/b"), (Set{"/a;x/b", "/a/b"}));
  EXPECT_EQ(readings_of("/a%252Fb"), (Set{"/a%2Fb", "/a/b"}));
  EXPECT_EQ(readings_of("/a%252561"), (Set{"/a%2561", "/aa"}));
  EXPECT_EQ(readings_of("/api/queues/%2F/q"), (Set{"/api/queues///q", "/api/queues/q"}));
}

TEST(PathReadings, FindsSegmentsBeforeAndAfterDecoding) {
  // A decoded slash ends the parameters, belongs to them, or is data of its segment.
  EXPECT_EQ(readings_of("/a;x%2Fb"), (Set{"/a;x/b", "/a/b", "/a"}));
  EXPECT_EQ(readings_of("/%40a%2Fb"), (Set{"/@a/b", "/@a%2Fb"}));
  EXPECT_TRUE(readings_of("/a\\b%5Cc%40").contains("/a/b%5Cc@"));
  EXPECT_TRUE(readings_of("/a;b%5Cc\\d").contains("/a/d"));
  EXPECT_TRUE(readings_of("/a;b%5Cc\\d").contains("/a/c/d"));
}

TEST(PathReadings, TellsNoMoreThanMatters) {
  EXPECT_EQ(readings_of("/public/a%2Fb", 8), Set());
  EXPECT_EQ(readings_of("/public%2Fa/b", 9), Set{"/public/a"});
  EXPECT_EQ(readings_of("/a%2Fb", 0), Set());
}

}  // namespace
}  // namespace weir::http
