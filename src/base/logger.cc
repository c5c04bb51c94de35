// SPDX-License-Identifier: Apache-2.0
#include "base/logger.h"

#include "base/text.h"
#include "base/wall_time.h"

#include <time.h>
#include <unistd.h>

#include <functional>

namespace weir {

namespace {

constexpr int most_repeats = 5;  // of one text in one second
constexpr std::size_t remembered = 64;

struct Repeat {
  std::size_t text = 0;
  time_t second = 0;
  int count = 0;
};

// The one global of the process that everybody may reach.
struct Sink {
  std::string name = "weir";
  Level least = Level::Info;
  LogSink write = nullptr;
  Repeat repeats[remembered];
  std::string line;
} sink;

constexpr std::string_view words[] = {"debug", "info", "notice", "warn", "error"};

void write_line(Level level, std::string_view text) {
  char stamp[wall_time_size + 8];
  sink.line.assign(format_wall_time(wall_clock_us(), stamp)).append(" ");
  sink.line.append(words[static_cast<std::size_t>(level)])
      .append(" ")
      .append(sink.name)
      .append(" ");
  for (char c : text) sink.line += static_cast<unsigned char>(c) < 0x20 || c == 0x7f ? ' ' : c;
  if (sink.write) return sink.write(sink.line);
  sink.line += '\n';
  (void)!::write(STDERR_FILENO, sink.line.data(), sink.line.size());
}

}  // namespace

void set_logger(std::string name, Level least, LogSink write) {
  sink.name = std::move(name);
  sink.least = least;
  sink.write = write;
}

void set_log_threshold(Level least) { sink.least = least; }

Level level_from(std::string_view word) {
  for (std::size_t i = 0; i < std::size(words); ++i)
    if (words[i] == word) return static_cast<Level>(i);
  return Level::Info;
}

bool logs(Level level) { return level >= sink.least; }

void log_line(Level level, std::string_view text) {
  if (!logs(level)) return;
  std::size_t hash = std::hash<std::string_view>()(text);
  Repeat& repeat = sink.repeats[hash % remembered];
  time_t second = time(nullptr);
  if (repeat.text == hash && repeat.second == second) {
    if (++repeat.count > most_repeats) return;
  } else {
    if (repeat.text == hash && repeat.count > most_repeats)
      write_line(level, "(the next line came " + std::to_string(repeat.count - most_repeats) +
                            " more times)");
    repeat = {hash, second, 1};
  }
  write_line(level, text);
}

}  // namespace weir
