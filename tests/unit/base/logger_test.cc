// SPDX-License-Identifier: Apache-2.0
//
// Lines of the error log: what they look like, which are written, and that a flood of one text is not.
#include "base/logger.h"

#include "base/text.h"
#include "base/wall_time.h"

#include <gtest/gtest.h>

#include <time.h>

#include <string>
#include <vector>

namespace weir {
namespace {

std::vector<std::string> written;  // a sink is a plain function

struct LoggerTest : testing::Test {
  LoggerTest() {
    written.clear();
    set_logger("worker[2]", Level::Info, [](std::string_view line) { written.emplace_back(line); });
  }
  ~LoggerTest() override { set_logger("weir", Level::Info, nullptr); }

  /// What is written, without the time.
  static std::string only_line() {
    if (written.size() != 1) return std::to_string(written.size()) + " lines";
    return written[0].substr(wall_time_size);
  }
};

TEST_F(LoggerTest, ComposesALine) {
  log(Level::Warn, "server ", std::string("api/a1"), ": ", 3U, " errors, ", -1);
  EXPECT_EQ(only_line(), " warn worker[2] server api/a1: 3 errors, -1");
  EXPECT_EQ(written[0][10], 'T');
  EXPECT_EQ(written[0][wall_time_size - 1], 'Z');
}

TEST_F(LoggerTest, KeepsALineOneLine) {
  log_line(Level::Error, std::string_view("a\r\nb\tc\0d\x7f\xc3\xa4", 11));
  EXPECT_EQ(only_line(), " error worker[2] a  b c d \xc3\xa4");
}

TEST_F(LoggerTest, WritesFromItsLevelOn) {
  const Level all[] = {Level::Debug, Level::Info, Level::Notice, Level::Warn, Level::Error};
  for (Level least : all) {
    set_log_threshold(least);
    written.clear();
    for (Level level : all) {
      EXPECT_EQ(logs(level), level >= least);
      log(level, "level ", static_cast<int>(level), " from ", static_cast<int>(least));
    }
    EXPECT_EQ(written.size(), 5 - static_cast<std::size_t>(least));
  }
}

TEST_F(LoggerTest, ReadsLevels) {
  EXPECT_EQ(level_from("debug"), Level::Debug);
  EXPECT_EQ(level_from("info"), Level::Info);
  EXPECT_EQ(level_from("notice"), Level::Notice);
  EXPECT_EQ(level_from("warn"), Level::Warn);
  EXPECT_EQ(level_from("error"), Level::Error);
  for (const char* unknown : {"", "Error", "warning", "crit"})
    EXPECT_EQ(level_from(unknown), Level::Info) << unknown;
}

TEST_F(LoggerTest, DampsAFlood) {
  const time_t begin = time(nullptr);
  for (int i = 0; i < 1000; ++i) log_line(Level::Warn, "the same again");
  const auto seconds = static_cast<std::size_t>(time(nullptr) - begin) + 1;
  EXPECT_GE(written.size(), 5U);
  EXPECT_LE(written.size(), seconds * 6);  // each new second begins with a count of the former one
  written.clear();
  for (int i = 0; i < 1000; ++i) log(Level::Warn, "another one each time: ", i);
  EXPECT_EQ(written.size(), 1000U);
}

}  // namespace
}  // namespace weir
