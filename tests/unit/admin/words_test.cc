// SPDX-License-Identifier: Apache-2.0
//
// Lines of the admin socket, and words that are written so that they are read again.
#include "admin/words.h"

#include <gtest/gtest.h>

namespace weir::admin {
namespace {

using Words = std::vector<std::string>;

TEST(Words, TakeALineApart) {
  struct Case {
    std::string line;
    Words words;
  };
  const Case cases[] = {{"", {}},
                        {"  \t ", {}},
                        {"status", {"status"}},
                        {" show   servers\tapi ", {"show", "servers", "api"}},
                        {R"(a "b c" "")", {"a", "b c", ""}},
                        {R"("q\"\\\n\t\r")", {"q\"\\\n\t\r"}},
                        {"path=/a?b=c&d", {"path=/a?b=c&d"}}};
  for (const Case& each : cases) {
    auto words = parse_words(each.line);
    ASSERT_TRUE(words) << each.line;
    EXPECT_EQ(*words, each.words) << each.line;
  }
}

TEST(Words, RefuseWhatIsAmbiguous) {
  for (std::string line : {R"("a)", R"("a"b)", R"(a"b")", R"(a\b)", R"("\x")", "a\x01", "\x7f"})
    EXPECT_FALSE(parse_words(line)) << line;
  std::string many;
  for (std::size_t i = 0; i <= most_words; ++i) many += "w ";
  EXPECT_FALSE(parse_words(many));
}

TEST(Words, QuotedAreReadAgain) {
  for (std::string word : {"", "a", "a b", "\"", "\\", "\n\t\r", "\xc3\xa9", "a\"b\\c d"}) {
    auto words = parse_words(quote(word) + " " + quote(word));
    ASSERT_TRUE(words) << word;
    EXPECT_EQ(*words, (Words{word, word}));
  }
  EXPECT_EQ(quote("plain"), "plain");
}

}  // namespace
}  // namespace weir::admin
