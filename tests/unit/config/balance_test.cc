// SPDX-License-Identifier: Apache-2.0
//
// `balance` with the word of a module: which words there are and what they take is its affair.
#include "config/loading.h"
#include "config/print.h"
#include "config/schema.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

constexpr const char* server = "\nserver s 127.0.0.1:81";

TEST(Balance, TakesTheWordOfAModuleWithItsValues) {
  const Loaded loaded = load_in_backend(std::string("balance dance slow \"$header_x y\"") + server);
  ASSERT_TRUE(loaded.config) << loaded.messages();
  const Balance expected{"dance", {"slow", "$header_x y"}};
  EXPECT_EQ(loaded.config->backends[0].balance, expected);

  const std::string printed = print_effective(*loaded.config);
  EXPECT_NE(printed.find("balance dance slow \"$header_x y\""), std::string::npos) << printed;
  const Loaded again = load_text(printed);
  ASSERT_TRUE(again.config) << again.messages();
  EXPECT_EQ(again.config->backends[0].balance, expected);
}

TEST(Balance, TellsWhatItsKindRefuses) {
  const Loaded loaded = load_in_backend(std::string("balance dance bad") + server);
  EXPECT_EQ(loaded.messages(), "3:9: error: bad is not good\n");
}

TEST(Balance, KnowsTheVariablesOfAHash) {
  const Loaded loaded = load_in_backend(std::string("balance dance \"$nonsense\"") + server);
  EXPECT_NE(loaded.messages().find("3:16: error: unknown variable"), std::string::npos)
      << loaded.messages();
}

TEST(Balance, HelpNamesTheWordsOfModules) {
  EXPECT_NE(help_directive("balance", test_kinds).text.find("dance          a module's policy\n"),
            std::string::npos);
}

}  // namespace
}  // namespace weir::config
