// SPDX-License-Identifier: Apache-2.0
//
// Paths and authorities: what they become, and what is refused.
#include "http/url.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

std::string normalised(std::string path) {
  const auto result = normalise_path({path.data(), path.size()});
  return result ? std::string(*result) : "refused";
}

struct Path {
  const char* raw;
  const char* normal;
};

TEST(NormalisePath, ResolvesAndDecodes) {
  const Path rows[] = {
      {"/", "/"},
      {"/a", "/a"},
      {"/a/", "/a/"},
      {"//", "/"},
      {"//a///b//", "/a/b/"},
      {"/.", "/"},
      {"/./a", "/a"},
      {"/a/.", "/a/"},
      {"/..", "/"},
      {"/../..", "/"},
      {"/../../a", "/a"},
      {"/a/..", "/"},
      {"/a/../b", "/b"},
      {"/a/b/../c", "/a/c"},
      {"/a/b/..", "/a/"},
      {"/a/b/../..", "/"},
      {"/a/b/../../..", "/"},
      {"/a//../b", "/b"},
      {"/a/%2e%2E/b", "/b"},
      {"/%2e/a", "/a"},
      {"/.a", "/.a"},
      {"/..a", "/..a"},
      {"/a..", "/a.."},
      {"/...", "/..."},
      {"/.well-known/x", "/.well-known/x"},
      {"/%61%7E%2D%5F%30", "/a~-_0"},
      {"/%c3%a9", "/%C3%A9"},
      {"/%20%3f%23", "/%20%3F%23"},
      {"/%252e%252e/a", "/%252e%252e/a"},
      {"/a;b=c/d", "/a;b=c/d"},
      {"/a;/../b", "/b"},
      {"/...;/a", "/...;/a"},
      {"/a\"<>[]^`{|}b", "/a\"<>[]^`{|}b"},
  };
  for (const Path& row : rows) {
    EXPECT_EQ(normalised(row.raw), row.normal) << row.raw;
    EXPECT_EQ(normalised(row.normal), row.normal) << "again";
    EXPECT_TRUE(!is_normal_path(row.raw) || std::string_view(row.raw) == row.normal);
  }
}

TEST(NormalisePath, RefusesWhatServersReadDifferently) {
  for (const char* raw :
       {"",          "a",    "*",      "/%",       "/%2",       "/%2/",   "/%g0",
        "/%0g",      "/%00", "/a%2fb", "/a%2Fb",   "/%5c",      "/%5C",   "/\\",
        "/a\\..\\b", "/..;", "/..;/a", "/.;x=y/a", "/%2e%2e;/", "/..%3b", "/.%3B/",
        "/#",        "/?",   "/ ",     "/\t",      "/\x7f",     "/\x80",  "/\xc3\xa9"}) {
    EXPECT_EQ(normalised(raw), "refused") << raw;
    EXPECT_FALSE(is_normal_path(raw)) << raw;
  }
  EXPECT_EQ(normalised(std::string("/\0", 2)), "refused");
  EXPECT_FALSE(is_normal_path(std::string_view("/\0", 2)));
}

TEST(IsNormalPath, SeesEveryPositionOfALongPath) {
  const std::string plain = "/abcdefghijklmno/pqrstuvwxyz-0123456789_/~/end";
  EXPECT_TRUE(is_normal_path(plain));
  for (std::size_t i = 1; i < plain.size(); ++i) {
    for (const char bad : {'%', '\\', '#', '?', ' ', '\0', '\x7f', '\x80'}) {
      std::string path = plain;
      path[i] = bad;
      EXPECT_FALSE(is_normal_path(path)) << path;
    }
    std::string dots = plain;
    dots.insert(i, "/./");
    EXPECT_FALSE(is_normal_path(dots)) << dots;
    EXPECT_EQ(normalised(dots).find("/./"), std::string::npos);
    std::string slashes = plain;
    slashes.insert(i, "//");
    EXPECT_FALSE(is_normal_path(slashes)) << slashes;
  }
}

TEST(IsSafeQuery, AllowsOnlyWhatIsOneWord) {
  EXPECT_TRUE(is_safe_query(""));
  EXPECT_TRUE(is_safe_query("a=b&c=%zz/../?\\\"<>"));
  for (const char* query : {"a b", "a#b", "a\tb", "a\rb", "a\x7f", "a\x80"})
    EXPECT_FALSE(is_safe_query(query)) << query;
}

struct Name {
  const char* text;
  const char* host;
  const char* port;
};

TEST(ParseAuthority, TakesApart) {
  const Name rows[] = {
      {"a", "a", ""},
      {"Example.com", "Example.com", ""},
      {"example.com.", "example.com", ""},
      {"example.com.:80", "example.com", "80"},
      {"a_b-c~d.e", "a_b-c~d.e", ""},
      {"192.0.2.1:65535", "192.0.2.1", "65535"},
      {"[::1]", "[::1]", ""},
      {"a:", "a", ""},
      {"a.:", "a", ""},
      {"[::1]:", "[::1]", ""},
      {"[2001:db8::1]:1", "[2001:db8::1]", "1"},
      {"[::ffff:192.0.2.1]", "[::ffff:192.0.2.1]", ""},
  };
  for (const Name& row : rows) {
    const auto authority = parse_authority(row.text);
    ASSERT_TRUE(authority) << row.text;
    EXPECT_EQ(authority->host, row.host);
    EXPECT_EQ(authority->port, row.port);
  }
}

TEST(ParseAuthority, RefusesEverythingElse) {
  for (const std::string text :
       {"",       ".",       "..",        "a..b",           ".a",     "a..",    "a::",     ":80",
        "a:0",    "a:080",   "a:65536",   "a:123456",       "a:8o",   "a:+1",   "a:80:80", "a b",
        "a@b",    "a,b",     "a/b",       "a%41",           "[",      "[]",     "[::1",    "::1",
        "[::1]x", "[::1]::", "[1.2.3.4]", "[fe80::1%eth0]", "[v1.x]", "[::1].", "\xc3\xa4"})
    EXPECT_FALSE(parse_authority(text)) << text;
  EXPECT_FALSE(parse_authority(std::string_view("[::1\0]", 6)));
  EXPECT_TRUE(parse_authority(std::string(255, 'a')));
  EXPECT_FALSE(parse_authority(std::string(256, 'a')));
}

TEST(PercentDecode, LeavesBadEscapes) {
  char out[64];
  EXPECT_EQ(percent_decode("a%20b+c", out, false), "a b+c");
  EXPECT_EQ(percent_decode("a%20b+c", out, true), "a b c");
  EXPECT_EQ(percent_decode("%", out, false), "%");
  EXPECT_EQ(percent_decode("%4", out, false), "%4");
  EXPECT_EQ(percent_decode("%4g%41", out, false), "%4gA");
  EXPECT_EQ(percent_decode("%00", out, false), std::string_view("\0", 1));
}

}  // namespace
}  // namespace weir::http
