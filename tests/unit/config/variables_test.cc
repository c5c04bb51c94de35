// SPDX-License-Identifier: Apache-2.0
//
// Texts with variables, taken apart.
#include "config/variables.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>

namespace weir::config {
namespace {

TEST(Variables, TextsComeApart) {
  const auto parsed =
      parse_template("https://$host/new$path?a=$$5\\$ $header_x_forwarded_for.$cookie_A_b");
  ASSERT_TRUE(parsed) << parsed.error().text();
  const auto& parts = parsed->parts;
  ASSERT_EQ(parts.size(), 4U);
  EXPECT_EQ(parts[0].text, "https://");
  EXPECT_EQ(parts[0].variable, Variable::Host);
  EXPECT_EQ(parts[1].text, "/new");
  EXPECT_EQ(parts[1].variable, Variable::Path);
  EXPECT_EQ(parts[2].text, "?a=$5$ ");
  EXPECT_EQ(parts[2].variable, Variable::Header);
  EXPECT_EQ(parts[2].name, "x-forwarded-for");
  EXPECT_EQ(parts[3].text, ".");
  EXPECT_EQ(parts[3].variable, Variable::Cookie);
  EXPECT_EQ(parts[3].name, "A_b");
  EXPECT_TRUE(parsed->has_variables());
}

TEST(Variables, AreWrittenAsTheyWere) {
  for (const VariableKind& kind : variable_kinds()) {
    const std::string name =
        "$" + std::string(kind.name) + (kind.name.ends_with('_') ? "x_user_id" : "");
    const auto parsed = parse_template(name);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(written(parsed->parts[0]), name);
  }
  EXPECT_EQ(written(parse_template("only text")->parts[0]), "");
}

TEST(Variables, TextsWithoutVariables) {
  EXPECT_TRUE(parse_template("")->parts.empty());
  const auto parsed = parse_template("only text");
  ASSERT_EQ(parsed->parts.size(), 1U);
  EXPECT_EQ(parsed->parts[0].variable, Variable::None);
  EXPECT_FALSE(parsed->has_variables());
}

TEST(Variables, LongestNameWins) {
  EXPECT_EQ(parse_template("$query")->parts[0].variable, Variable::Query);
  EXPECT_EQ(parse_template("$query_a")->parts[0].variable, Variable::QueryArgument);
  EXPECT_EQ(parse_template("$response_header_a")->parts[0].variable, Variable::ResponseHeader);
  EXPECT_EQ(parse_template("$t_first_byte")->parts[0].variable, Variable::TimeFirstByte);
}

TEST(Variables, Mistakes) {
  for (const char* bad : {"$", "a $ b", "$1", "${host}", "$-"})
    EXPECT_FALSE(parse_template(bad)) << bad;
  const auto unknown = parse_template("$client_adr");
  ASSERT_FALSE(unknown);
  EXPECT_EQ(unknown.error().code(), Errc::NotFound);
  EXPECT_EQ(unknown.error().text(),
            "unknown variable \"$client_adr\"; did you mean \"$client_addr\"?");
  const std::pair<const char*, const char*> cases[] = {
      {"$header_", "write $header_NAME"},
      {"$heder_host", "did you mean \"$header_host\"?"},
      {"$respnse_header_a_b", "did you mean \"$response_header_a_b\"?"},
      {"$zzzz", "\"weir help variables\" lists all"},
      {"$_", "\"weir help variables\" lists all"},
      {"$zz_", "\"weir help variables\" lists all"}};
  for (const auto& [text, hint] : cases) {
    const auto other = parse_template(text);
    ASSERT_FALSE(other);
    EXPECT_TRUE(other.error().text().ends_with(std::string("; ") + hint)) << other.error().text();
  }
}

TEST(Variables, EachRowIsUnderstood) {
  const auto kinds = variable_kinds();
  EXPECT_TRUE(
      std::is_sorted(kinds.begin(), kinds.end(), [](auto& a, auto& b) { return a.name < b.name; }));
  for (const VariableKind& kind : kinds) {
    const std::string name = "$" + std::string(kind.name) + (kind.name.ends_with('_') ? "x" : "");
    const auto parsed = parse_template(name);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(parsed->parts[0].variable, kind.variable) << name;
  }
}

}  // namespace
}  // namespace weir::config
