// SPDX-License-Identifier: Apache-2.0
//
// Queries and authorities: what they become, and what is refused.
#include "http/url.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

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
