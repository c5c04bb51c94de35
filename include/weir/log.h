// SPDX-License-Identifier: Apache-2.0
//
// The error log: what a person reads who wants to know what weir did and why.  One call is one
// line.  Where lines go is decided once per process (base/logger); until then, to stderr.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir {

enum class Level : std::uint8_t { Debug, Info, Notice, Warn, Error };

/// True if lines of this level are written at all; ask before composing an expensive one.
bool logs(Level level);

/// Writes one line.  Control characters are escaped.  Never blocks and never fails.
void log_line(Level level, std::string_view text);

namespace detail {
inline void append(std::string& to, std::string_view part) { to.append(part); }
template <typename N>
  requires std::is_arithmetic_v<N>
void append(std::string& to, N number) { to.append(std::to_string(number)); }
}  // namespace detail

/// Composes a line out of texts and numbers and writes it: log(Level::Warn, "server ", name, " is down").
template <typename... Parts>
void log(Level level, const Parts&... parts) {
  if (!logs(level)) return;
  std::string line;
  (detail::append(line, parts), ...);
  log_line(level, line);
}

}  // namespace weir
