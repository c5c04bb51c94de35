// SPDX-License-Identifier: Apache-2.0
//
// The wall clock, for logs and for whatever people read; never for measuring.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

/// Microseconds since the epoch.
std::int64_t wall_clock_us();

/// Bytes of what `format_wall_time` writes.
inline constexpr std::size_t wall_time_size = 24;

/// "2026-11-21T02:00:00.123Z" (RFC 3339, UTC) into `out`, which has room for wall_time_size + 8.
std::string_view format_wall_time(std::int64_t wall_us, char* out);

/// Texts of moments, to the second: the last one is kept, since most lines of a log are of the same second.
class SecondText {
 public:
  /// As strftime has it, in UTC; at most 63 bytes.  Outlives this.
  explicit SecondText(const char* format) : format_(format) {}
  /// Valid until the next call.
  std::string_view of(std::int64_t wall_us);

 private:
  const char* const format_;
  std::int64_t second_ = -1;
  std::size_t size_ = 0;
  char text_[64];
};

}  // namespace weir
