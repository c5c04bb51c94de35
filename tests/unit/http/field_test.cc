// SPDX-License-Identifier: Apache-2.0
//
// The small grammars inside field values, with what clients really send and what they should not.
#include "http/field.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::http {
namespace {

std::vector<std::string> elements(std::string_view list) {
  std::vector<std::string> all;
  for (std::string_view one = next_element(list); !one.empty(); one = next_element(list))
    all.emplace_back(one);
  return all;
}

using Texts = std::vector<std::string>;

TEST(Field, KnowsValues) {
  EXPECT_TRUE(is_field_value(""));
  EXPECT_TRUE(is_field_value("a\tb \x80\xff and much more than sixteen bytes"));
  for (const char* text : {"\r", "\n", "a\x01", "0123456789abcdef\x7f", "\x1b[0m"})
    EXPECT_FALSE(is_field_value(text)) << text;
  EXPECT_FALSE(is_field_value(std::string_view("a\0b", 3)));
}

TEST(Field, TakesListsApart) {
  EXPECT_EQ(elements("a, b ,\t c"), (Texts{"a", "b", "c"}));
  EXPECT_EQ(elements(",, a,,"), Texts{"a"});
  EXPECT_EQ(elements(" \t, "), Texts{});
  EXPECT_EQ(elements("a=\"b, c\", d"), (Texts{"a=\"b, c\"", "d"}));
  EXPECT_EQ(elements("\"a\\\", b\", c"), (Texts{"\"a\\\", b\"", "c"}));
  EXPECT_EQ(elements("\"a, b"), Texts{"\"a, b"});
}

class FieldsTest : public testing::Test {
 protected:
  const Headers& with(std::initializer_list<std::pair<std::string_view, std::string_view>> fields) {
    headers_.clear();
    for (const auto& [name, value] : fields) headers_.add(arena_, name, value);
    return headers_;
  }

  Arena arena_;
  Headers headers_;
};

TEST_F(FieldsTest, LooksThroughAllListsOfAName) {
  with({{"TE", "x"}, {"Via", "trailers"}, {"te", "y, Trailers"}});
  EXPECT_TRUE(list_has(headers_, FieldName::Te, "trailers"));
  EXPECT_FALSE(list_has(headers_, FieldName::Te, "trailer"));
  EXPECT_FALSE(list_has(headers_, FieldName::Upgrade, "x"));
}

TEST_F(FieldsTest, FindsCookies) {
  with({{"Cookie", "a=1; b=\"2\";c = 3 ;d; e="}, {"Cookie", "f=4=5;a=6"}});
  EXPECT_EQ(cookie(headers_, "a"), "1");
  EXPECT_EQ(cookie(headers_, "b"), "2");
  EXPECT_EQ(cookie(headers_, "c"), "3");
  EXPECT_EQ(cookie(headers_, "f"), "4=5");
  EXPECT_EQ(cookie(headers_, "e"), "");
  EXPECT_NE(cookie(headers_, "e").data(), nullptr);
  EXPECT_EQ(cookie(headers_, "d").data(), nullptr);
  EXPECT_EQ(cookie(headers_, "A").data(), nullptr);
  EXPECT_EQ(cookie(with({}), "a").data(), nullptr);
}

TEST(QueryParameter, FindsTheFirst) {
  EXPECT_EQ(query_parameter("a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(query_parameter("a=1&b=2%20=", "b"), "2%20=");
  EXPECT_EQ(query_parameter("a&&b=", "a"), "");
  EXPECT_NE(query_parameter("a", "a").data(), nullptr);
  EXPECT_NE(query_parameter("x&b=", "b").data(), nullptr);
  EXPECT_EQ(query_parameter("ab=1", "a").data(), nullptr);
  EXPECT_EQ(query_parameter("", "a").data(), nullptr);
}

TEST_F(FieldsTest, KnowsWhoWantsJson) {
  EXPECT_FALSE(prefers_json(with({})));
  EXPECT_FALSE(prefers_json(with({{"Accept", "*/*"}})));
  EXPECT_FALSE(prefers_json(with({{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}})));
  EXPECT_TRUE(prefers_json(with({{"Accept", "application/json"}})));
  EXPECT_TRUE(prefers_json(with({{"Accept", "application/json, text/plain, */*"}})));
  EXPECT_TRUE(prefers_json(with({{"Accept", "text/html;q=0.5, Application/JSON ; q=0.9"}})));
  EXPECT_FALSE(prefers_json(with({{"Accept", "text/html;q=0.9, application/json;q=0.5"}})));
  EXPECT_FALSE(prefers_json(with({{"Accept", "application/json;q=0"}})));
  EXPECT_TRUE(prefers_json(with({{"Accept", "text/*;q=0.1"}, {"Accept", "application/*;q=0.25"}})));
}

TEST(Field, WritesDates) {
  const auto date = [](std::int64_t seconds) {
    char out[29];
    write_date(out, seconds);
    return std::string(out, sizeof(out));
  };
  EXPECT_EQ(date(784111777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
  EXPECT_EQ(date(951782400), "Tue, 29 Feb 2000 00:00:00 GMT");
  EXPECT_EQ(date(1798761599), "Thu, 31 Dec 2026 23:59:59 GMT");
}

}  // namespace
}  // namespace weir::http
