// SPDX-License-Identifier: Apache-2.0
//
// What is said of commands, with or without a daemon.
#include "weirctl/command_texts.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace weir::weirctl {
namespace {

using Words = std::vector<std::string>;

std::string help(const Words& words) { return command_help(words).value_or("none"); }

TEST(CommandTexts, AreSortedAndComplete) {
  EXPECT_TRUE(std::is_sorted(std::begin(command_texts), std::end(command_texts),
                             [](auto& a, auto& b) { return a.name < b.name; }));
  for (const CommandText& each : command_texts) {
    EXPECT_TRUE(each.help.ends_with('.')) << each.name;
    EXPECT_TRUE(each.level == "read" || each.level == "operate" || each.level == "admin")
        << each.name;
  }
}

TEST(CommandTexts, HelpListsAllOneOrAGroup) {
  for (const CommandText& each : command_texts) {
    EXPECT_NE(help({}).find(std::string(each.name) + " "), std::string::npos) << each.name;
    EXPECT_NE(help({"--words"}).find(std::string(each.name) + "\n"), std::string::npos);
  }
  EXPECT_EQ(help({"log", "level"}),
            "log level LEVEL\n    Sets from which level on control writes to the error log.\n"
            "    level: operate\n");
  EXPECT_EQ(help({"log"}), help({"log", "level"}));
  const std::string server = help({"server"});
  for (const char* name : {"server add ", "server remove ", "server set "})
    EXPECT_NE(server.find(name), std::string::npos) << name;
  EXPECT_EQ(help({"show", "server"}), "none");
}

TEST(CommandTexts, UnknownCommandsNameTheNearest) {
  EXPECT_EQ(unknown_command(Words{"statsu"}), "no command \"statsu\"; did you mean \"status\"?");
  EXPECT_EQ(unknown_command(Words{"show", "server"}),
            "no command \"show server\"; did you mean \"show servers\"?");
  EXPECT_EQ(unknown_command(Words{"stauts", "now"}),
            "no command \"stauts now\"; did you mean \"status\"?");
  EXPECT_EQ(unknown_command(Words{"server"}),
            "no command \"server\"; server is followed by add, remove or set");
  EXPECT_EQ(unknown_command(Words{"explain", "GET"}),
            "no command \"explain GET\"; explain is followed by generation, request or server");
  EXPECT_EQ(unknown_command(Words{"stop"}), "no command \"stop\"; write shutdown");
  EXPECT_EQ(unknown_command(Words{"xyzzy"}), "no command \"xyzzy\"; \"help\" lists all");
}

}  // namespace
}  // namespace weir::weirctl
