// SPDX-License-Identifier: Apache-2.0
//
// Classes of bytes at their edges, and what is made of them.
#include "base/characters.h"

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

TEST(Characters, ClassesAndCase) {
  for (int i = 0; i < 256; ++i) {
    const char c = static_cast<char>(i);
    const bool lower = i >= 'a' && i <= 'z', upper = i >= 'A' && i <= 'Z';
    EXPECT_EQ(is_digit(c), i >= '0' && i <= '9') << i;
    EXPECT_EQ(is_lower(c), lower) << i;
    EXPECT_EQ(is_upper(c), upper) << i;
    EXPECT_EQ(is_alpha(c), lower || upper) << i;
    EXPECT_EQ(is_blank(c), i == ' ' || i == '\t') << i;
    EXPECT_EQ(static_cast<unsigned char>(to_lower(c)), upper ? i + 32 : i) << i;
    EXPECT_EQ(static_cast<unsigned char>(to_upper(c)), lower ? i - 32 : i) << i;
  }
}

TEST(Characters, EqualWithoutCase) {
  EXPECT_TRUE(iequals("", ""));
  EXPECT_TRUE(iequals("Host", "hOST"));
  EXPECT_TRUE(iequals("Content-LENGTH", "cOntent-length"));
  EXPECT_FALSE(iequals("Host", "Hosts"));
  EXPECT_FALSE(iequals("@", "`"));
  EXPECT_FALSE(iequals("[", "{"));
  EXPECT_FALSE(iequals("-", "\r"));
  EXPECT_FALSE(iequals("\xc4", "\xe4"));
}

TEST(Characters, Trim) {
  EXPECT_EQ(trim(" \ta b\t "), "a b");
  EXPECT_EQ(trim("  "), "");
  EXPECT_EQ(trim(""), "");
  EXPECT_EQ(trim("\r\na\n"), "\r\na\n");
}

TEST(Characters, Tokens) {
  EXPECT_TRUE(is_token("!#$%&'*+-.^_`|~09azAZ"));
  for (const char* text : {"",   " ", "a b", "a:", "(", ")", "<", ">", "@",    ",",    ";", "\\",
                           "\"", "/", "[",   "]",  "?", "=", "{", "}", "\x7f", "\x80", "\n"})
    EXPECT_FALSE(is_token(text)) << text;
}

TEST(Characters, HexDigits) {
  for (unsigned i = 0; i < 16; ++i) {
    EXPECT_EQ(hex_value(hex_digits[i]), i);
    EXPECT_EQ(hex_value(upper_hex_digits[i]), i);
    EXPECT_TRUE(is_in(hex_digits[i], HexSet) && is_in(upper_hex_digits[i], HexSet));
  }
  EXPECT_FALSE(is_in('g', HexSet));
}

}  // namespace
}  // namespace weir
