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

}  // namespace weir
