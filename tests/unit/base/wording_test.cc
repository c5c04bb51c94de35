// SPDX-License-Identifier: Apache-2.0
//
// What operators read: tables, and what was probably meant.
#include "base/wording.h"

#include <gtest/gtest.h>

namespace weir {
namespace {

TEST(Wording, ShowsQuotesAndBackslashesAsTheyAre) {
  std::string shown;
  append_shown(shown, std::string_view("say \"a\\d\"\n\x1b\x7f\0\xc3", 14));
  EXPECT_EQ(shown, "say \"a\\d\"\\x0a\\x1b\\x7f\\x00\\xc3");
}

TEST(Wording, NamesWhatWasMeant) {
  EXPECT_EQ(unknown_word("backend", "apj", {"api", "site"}),
            "there is no backend \"apj\"; did you mean \"api\"?");
  EXPECT_EQ(unknown_word("scope", "foo", {"config", "servers"}),
            "there is no scope \"foo\"; there are config and servers");
  EXPECT_EQ(unknown_word("x", "foo", {"a", "b", "c"}),
            "there is no x \"foo\"; there are a, b and c");
  EXPECT_EQ(unknown_word("x", "foo", {"a"}), "there is no x \"foo\"; there is a");
  EXPECT_EQ(unknown_word("x", "foo", {}), "there is no x \"foo\"");
  const std::vector<std::string_view> many(13, "long");
  EXPECT_EQ(unknown_word("x", "foo", many), "there is no x \"foo\"");
}

}  // namespace
}  // namespace weir
