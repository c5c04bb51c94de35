// SPDX-License-Identifier: Apache-2.0
//
// Regular expressions: matches, captures, and the limits that hostile subjects meet.
#include <weir/regex.h>

#include <gtest/gtest.h>

#include <string>

namespace weir {
namespace {

Regex compiled(std::string_view pattern) {
  Result<Regex> regex = Regex::compile(pattern);
  EXPECT_TRUE(regex.has_value()) << pattern;
  return *std::move(regex);
}

TEST(Regex, MatchesAnywhereUnlessAnchored) {
  const Regex regex = compiled("b+c");
  EXPECT_EQ(regex.match("abbcd"), Regex::Outcome::Match);
  EXPECT_EQ(regex.match("abd"), Regex::Outcome::NoMatch);
  EXPECT_EQ(regex.match(""), Regex::Outcome::NoMatch);
  EXPECT_EQ(regex.match({}), Regex::Outcome::NoMatch);
  EXPECT_EQ(compiled("^$").match({}), Regex::Outcome::Match);
  EXPECT_EQ(compiled("^bc$").match("bc"), Regex::Outcome::Match);
  EXPECT_EQ(compiled("^bc$").match("bc\n"), Regex::Outcome::NoMatch);
  EXPECT_EQ(regex.pattern(), "b+c");
}

TEST(Regex, CatchesGroups) {
  const Regex regex = compiled("(a)|(b)(c)?");
  Captures captures;
  ASSERT_EQ(regex.match("xb", &captures), Regex::Outcome::Match);
  ASSERT_EQ(captures.count, 3u);
  EXPECT_EQ(captures.group[0], "b");
  EXPECT_EQ(captures.group[1], "");
  EXPECT_EQ(captures.group[2], "b");
  ASSERT_EQ(regex.match("bc", &captures), Regex::Outcome::Match);
  ASSERT_EQ(captures.count, 4u);
  EXPECT_EQ(captures.group[3], "c");
}

TEST(Regex, CatchesOnlySoManyGroups) {
  const Regex regex = compiled("(a)(b)(c)(d)(e)(f)(g)(h)(i)(j)(k)");
  Captures captures;
  ASSERT_EQ(regex.match("abcdefghijk", &captures), Regex::Outcome::Match);
  EXPECT_EQ(captures.count, Captures::most);
  EXPECT_EQ(captures.group[9], "i");
}

TEST(Regex, TellsWhereAPatternIsWrong) {
  const Result<Regex> regex = Regex::compile("a(b");
  ASSERT_FALSE(regex.has_value());
  EXPECT_EQ(regex.error().code(), Errc::Invalid);
  EXPECT_NE(regex.error().text().find("offset 3"), std::string::npos) << regex.error().text();
  EXPECT_FALSE(Regex::compile("(*UTF)a").has_value());
}

TEST(Regex, GivesUpOnHostileSubjects) {
  const std::string subject(50'000, 'a');
  EXPECT_EQ(compiled("^(a+)+$").match(subject + "!"), Regex::Outcome::LimitExceeded);
  EXPECT_EQ(compiled("(a|a)*[bc]").match(subject), Regex::Outcome::LimitExceeded);
  EXPECT_EQ(compiled("^a+!$").match(subject + "!"), Regex::Outcome::Match);
}

TEST(Regex, LooksAtBytes) {
  EXPECT_EQ(compiled("^.$").match("\xff"), Regex::Outcome::Match);
  EXPECT_EQ(compiled("a.c").match(std::string_view("a\0c", 3)), Regex::Outcome::Match);
  EXPECT_EQ(compiled("(?i)STRASSE").match("strasse"), Regex::Outcome::Match);
}

TEST(Regex, Moves) {
  Regex one = compiled("a");
  Regex two = std::move(one);
  one = compiled("b");
  EXPECT_EQ(two.match("a"), Regex::Outcome::Match);
  EXPECT_EQ(one.match("a"), Regex::Outcome::NoMatch);
}

}  // namespace
}  // namespace weir
