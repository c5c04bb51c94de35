// SPDX-License-Identifier: Apache-2.0
//
// Where the lines of weir::log go: to stderr until a process has something better.  A line reads
//
//     2026-11-21T02:00:00.123Z warn worker[2] server api/a1: connection refused
//
// The same text more than five times a second is written once more with the number of repeats.
#pragma once

#include <weir/log.h>

#include <string>
#include <string_view>

namespace weir {

/// Takes a complete line without its end.
using LogSink = void (*)(std::string_view line);

/// Names this process in its lines, sets the least level, and where lines go (null = stderr).
void set_logger(std::string name, Level least, LogSink sink);

/// Sets the least level alone.
void set_log_threshold(Level least);

/// "info" and the like; Info for anything unknown.
Level level_from(std::string_view word);

}  // namespace weir
