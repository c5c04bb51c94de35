// SPDX-License-Identifier: Apache-2.0
//
// Pieces of a text: separators at the edges, in a row, and none at all.
#include "base/cursor.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Cursor, FindOrEnd) {
  EXPECT_EQ(find_or_end("ab/c/", '/'), 2U);
  EXPECT_EQ(find_or_end("ab/c/", '/', 3), 4U);
  EXPECT_EQ(find_or_end("ab/c/", '/', 5), 5U);
  EXPECT_EQ(find_or_end("ab/c/", '/', 6), 5U);
  EXPECT_EQ(find_or_end("", '/'), 0U);
  EXPECT_EQ(find_any_or_end("ab?c/", "/?"), 2U);
  EXPECT_EQ(find_any_or_end("ab?c/", "/?", 3), 4U);
  EXPECT_EQ(find_any_or_end("abc", "/?"), 3U);
}

TEST(Cursor, TakeUntil) {
  std::string_view text = "a,,b";
  for (const char* expected : {"a", "", "b"}) EXPECT_EQ(take_until(text, ','), expected);
  EXPECT_EQ(text, "");
  EXPECT_NE(text.data(), nullptr);  // which is how a value that is empty differs from none
  EXPECT_EQ(take_until(text, ','), "");
  text = "a,";
  EXPECT_EQ(take_until(text, ','), "a");
  EXPECT_EQ(text, "");
  text = "one\r\n\rtwo\r\nthree\r";
  for (const char* expected : {"one", "\rtwo", "three\r", ""})
    EXPECT_EQ(take_until(text, "\r\n"), expected);
}

TEST(Cursor, TakeLast) {
  std::string_view text = "a,,b";
  for (const char* expected : {"b", "", "a", ""}) EXPECT_EQ(take_last(text, ','), expected);
  text = ",b";
  EXPECT_EQ(take_last(text, ','), "b");
  EXPECT_EQ(text, "");
}

TEST(Cursor, TakeWhile) {
  std::string_view text = "42ms";
  EXPECT_EQ(take_while(text, "0123456789"), "42");
  EXPECT_EQ(text, "ms");
  EXPECT_EQ(take_while(text, "0123456789"), "");
  EXPECT_EQ(take_while(text, "sm"), "ms");
  EXPECT_EQ(text, "");
  EXPECT_EQ(take_while(text, "sm"), "");
}

}  // namespace
}  // namespace weir
