// SPDX-License-Identifier: Apache-2.0
//
// Small questions about texts, with the edges of each.
#include "base/text.h"

#include <gtest/gtest.h>

#include <array>
#include <string>

namespace weir {
namespace {

TEST(Text, SplitCase) {
  EXPECT_EQ(split("a,,b", ','), (std::vector<std::string_view>{"a", "", "b"}));
  EXPECT_EQ(split("", ','), std::vector<std::string_view>{""});
  EXPECT_EQ(to_lower("AbZ\xc3\x84"), "abz\xc3\x84");
}

TEST(Text, Numbers) {
  EXPECT_EQ(to_number("18446744073709551615"), UINT64_MAX);
  EXPECT_EQ(to_number<std::uint8_t>("255"), 255);
  for (const char* bad : {"", " 1", "1 ", "+1", "-1", "1x", "0x1", "18446744073709551616"})
    EXPECT_FALSE(to_number(bad)) << bad;
  EXPECT_FALSE(to_number<std::uint8_t>("256"));
  EXPECT_FALSE(to_number<int>("-1"));
  std::string out = "n=";
  append_number(out, UINT64_MAX);
  EXPECT_EQ(out, "n=18446744073709551615");
}

TEST(Text, EditDistance) {
  EXPECT_EQ(edit_distance("abc", "abc", 2), 0U);
  EXPECT_EQ(edit_distance("abc", "acb", 2), 1U);
  EXPECT_EQ(edit_distance("abc", "abcd", 2), 1U);
  EXPECT_EQ(edit_distance("abc", "xbc", 2), 1U);
  EXPECT_EQ(edit_distance("", "ab", 2), 2U);
  EXPECT_EQ(edit_distance("abcdef", "ghijkl", 2), 3U);
  EXPECT_EQ(edit_distance(std::string(65, 'a'), std::string(65, 'a'), 2), 3U);
}

TEST(Text, Nearest) {
  constexpr std::array<std::string_view, 4> words = {"host", "path", "path_regex", "least_request"};
  EXPECT_EQ(nearest("hots", words), "host");
  EXPECT_EQ(nearest("pth", words), "path");
  EXPECT_EQ(nearest("leastconn", words), "least_request");
  EXPECT_FALSE(nearest("xyz", words));
  EXPECT_FALSE(nearest("", words));
}

TEST(Text, Utf8) {
  const std::size_t none = std::string_view::npos;
  EXPECT_EQ(find_bad_utf8("a\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80"), none);
  EXPECT_EQ(find_bad_utf8("ab\xff"), 2U);
  EXPECT_EQ(find_bad_utf8("\xc3"), 0U);
  EXPECT_EQ(find_bad_utf8("a\xc0\x80"), 1U);
  EXPECT_EQ(find_bad_utf8("\xed\xa0\x80"), 0U);
  EXPECT_EQ(find_bad_utf8("\xf4\x90\x80\x80"), 0U);
}

TEST(Text, EscapesForLogs) {
  std::string json, line;
  append_json(json, std::string_view("a\"\\\n\xc3\xa4\xff\0", 8));
  EXPECT_EQ(json, "a\\\"\\\\\\u000a\xc3\xa4\\ufffd\\u0000");
  append_escaped(line, "a\"\\\n\xc3");
  EXPECT_EQ(line, "a\\x22\\x5c\\x0a\\xc3");
}

}  // namespace
}  // namespace weir
