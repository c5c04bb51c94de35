// SPDX-License-Identifier: Apache-2.0
//
// The table of directives: that it is complete, and what help and the manual make of it.
#include "config/schema.h"

#include "config/loading.h"
#include "config/properties.h"
#include "config/units.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <sstream>
#include <string>

namespace weir::config {
namespace {

TEST(Schema, RowsAreSortedAndComplete) {
  const auto kinds = directive_kinds();
  EXPECT_TRUE(
      std::is_sorted(kinds.begin(), kinds.end(), [](auto& a, auto& b) { return a.name < b.name; }));
  for (const DirectiveKind& kind : kinds) {
    EXPECT_NE(kind.contexts, 0) << kind.name;
    EXPECT_TRUE(kind.help.ends_with('.')) << kind.name;
    EXPECT_LE(kind.least, kind.most) << kind.name;
    for (const DirectiveKind& other : kinds)
      if (&other != &kind && other.name == kind.name) {
        EXPECT_EQ(other.contexts & kind.contexts, 0) << kind.name;
      }
  }
}

TEST(Schema, EachTimeoutHasADefault) {
  const Limits limits = default_limits();
  for (const TimeoutKind& kind : timeout_kinds()) {
    ASSERT_TRUE(limits.*kind.member) << kind.statement;
    EXPECT_EQ(*(limits.*kind.member), kind.otherwise) << kind.statement;
  }
}

const DirectiveKind& row(std::string_view name, Context context) {
  return *find_directive(name, context);
}

TEST(Schema, DefaultsAreTheValuesOfConfig) {
  EXPECT_EQ(default_text(row("max_header", InListener)), size_text(Listener().head.header));
  EXPECT_EQ(default_text(row("max_header", InBackend)), size_text(Backend().head.header));
  EXPECT_EQ(default_text(row("mode", InAdmin)), "0600");
  EXPECT_EQ(default_text(row("mode", InBind)), "0666");
  EXPECT_EQ(default_text(row("access_log", InMain)), "off");
  EXPECT_EQ(default_text(row("error_log", InMain)), "stderr level info");
  EXPECT_EQ(default_text(row("retry", InRoute)), "2 on connect_error");
  EXPECT_EQ(default_text(row("expect", InCheck)), "200-399");
  EXPECT_EQ(default_text(row("protocol", InBackend)), "http/1.1");
  EXPECT_EQ(default_text(row("workers", InMain)), "auto");
  EXPECT_EQ(default_text(row("pid_file", InMain)), "");
}

// What a value says need not be said by the row as well.
TEST(Schema, RowsRepeatNoDefault) {
  for (const Context context : {InMain, InListener, InBackend, InCheck, InOutlier, InPipeline,
                                InAdmin, InListenerTls, InBackendTls})
    for (const Property& property : defaults(context))
      if (const DirectiveKind* kind = find_directive(property.name, context)) {
        EXPECT_NE(kind->otherwise, property.value) << property.name;
      }
}

TEST(Schema, Help) {
  EXPECT_EQ(help_directive("balance").text,
            "balance p2c | round_robin | least_request | random\n"
            "    How a server is chosen: the better of two random ones, in turn, the least busy, "
            "or any.\n"
            "    in: backend\n"
            "    default: p2c\n");
  EXPECT_NE(help_directive("protocol").text.find("in: listener"), std::string::npos);
  EXPECT_NE(help_directive("protocol").text.find("in: backend"), std::string::npos);
  EXPECT_NE(help_directive("timeout").text.find("first_byte"), std::string::npos);
  EXPECT_EQ(help_directive("ballance").text,
            "unknown directive \"ballance\"; did you mean \"balance\"?\n");
  EXPECT_NE(help_directive("shine", test_kinds).text.find("a module's word"), std::string::npos);
  const std::string all = help_directives(test_kinds);
  for (const DirectiveKind& kind : directive_kinds())
    EXPECT_NE(all.find(kind.name), std::string::npos);
  EXPECT_NE(all.find("shine"), std::string::npos);
}

TEST(Schema, HelpKnowsTheWordsOfEveryBlock) {
  for (const DirectiveKind& kind : directive_kinds()) {
    const Help help = help_directive(kind.name);
    EXPECT_TRUE(help.is_known) << kind.name;
    EXPECT_NE(help.text.find(kind.help), std::string::npos) << kind.name;
  }
  for (const char* word : {"path_regex", "first_byte", "$client_addr", "client_addr"})
    EXPECT_TRUE(help_directive(word).is_known) << word;
  for (const char* word : {"nonsense", "", "$", "cookie_"})
    EXPECT_FALSE(help_directive(word).is_known) << word;
}

// The names of timeouts stand with the statement that takes them, not with that of a check.
TEST(Schema, HelpTellsTimeoutsApart) {
  const std::string text = help_directive("timeout").text;
  const std::size_t names = text.find("first_byte"), check = text.find("How long a check may take");
  ASSERT_NE(check, std::string::npos);
  EXPECT_LT(names, check);
  EXPECT_EQ(text.find("first_byte", check), std::string::npos) << text;
}

TEST(Schema, ManualListsEverythingInLinesThatMandocTakes) {
  const std::string mdoc = help_directives_mdoc();
  for (const DirectiveKind& kind : directive_kinds())
    EXPECT_NE(mdoc.find(".It Ic " + std::string(kind.name)), std::string::npos) << kind.name;
  std::istringstream lines(mdoc);
  for (std::string line; std::getline(lines, line);) {
    const bool macro = line.starts_with(".");
    EXPECT_LE(line.size(), macro ? 160U : 80U) << line;
    if (macro) {
      EXPECT_TRUE(line.starts_with(".It ") || line.starts_with(".Bl ") || line == ".El" ||
                  line == ".br" || line.starts_with(".Ss "))
          << line;
    }
  }
}

}  // namespace
}  // namespace weir::config
