// SPDX-License-Identifier: Apache-2.0
//
// Replies: tables, JSON and records, whole and in pieces.
#include "admin/body.h"

#include <gtest/gtest.h>

namespace weir::admin {
namespace {

std::string whole(Body& body, std::size_t* pieces = nullptr) {
  std::string text;
  for (std::size_t count = 1; body.next(text); ++count)
    if (pieces) *pieces = count;
  return text;
}

Listing two_rows() {
  return {{"name", "count"}, 2, [](std::size_t i) {
            return i == 0 ? Row{"a", std::uint64_t{5}} : Row{"long name\n", std::uint64_t{12}};
          }};
}

TEST(Body, TableIsAligned) {
  EXPECT_EQ(whole(*make_list(two_rows(), false)),
            "name           count\n"
            "a              5\n"
            "long name\\x0a  12\n");
}

// Texts of the configuration are shown as they were written; what would break a line is not.
TEST(Body, TableKeepsQuotesAndBackslashes) {
  const Listing listing{
      {"action"}, 1, [](std::size_t) { return Row{"path_regex \"^/v2/\\d+\" \x1b[31m"}; }};
  EXPECT_EQ(whole(*make_list(listing, false)), "action\npath_regex \"^/v2/\\d+\" \\x1b[31m\n");
}

TEST(Body, JsonIsAnArrayOfObjects) {
  EXPECT_EQ(whole(*make_list(two_rows(), true)),
            "[{\"name\":\"a\",\"count\":5},{\"name\":\"long name\\u000a\",\"count\":12}]\n");
  EXPECT_EQ(whole(*make_list({{"x"}, 0, nullptr}, true)), "[]\n");
  EXPECT_EQ(whole(*make_list({{"x"}, 0, nullptr}, false)), "x\n");
}

TEST(Body, LongListsComeInPieces) {
  for (bool json : {false, true}) {
    std::size_t pieces = 0;
    Listing listing{
        {"n"}, 20'000, [](std::size_t i) { return Row{static_cast<std::uint64_t>(i)}; }};
    std::string text = whole(*make_list(listing, json), &pieces);
    EXPECT_GT(pieces, 2U);
    EXPECT_NE(text.find("19999"), std::string::npos);
  }
}

TEST(Body, Records) {
  Row row{"v", Cell::json("true")};
  EXPECT_EQ(whole(*make_record({"a", "longer"}, row, false)), "a:      v\nlonger: true\n");
  EXPECT_EQ(whole(*make_record({"a", "longer"}, row, true)), "{\"a\":\"v\",\"longer\":true}\n");
  EXPECT_EQ(whole(*make_text("a\n\"b\"", true)), "\"a\\u000a\\\"b\\\"\"\n");
}

}  // namespace
}  // namespace weir::admin
