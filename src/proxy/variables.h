// SPDX-License-Identifier: Apache-2.0
//
// What the `$variables` are worth for one request, out of its Record.
#pragma once

#include "config/variables.h"
#include "proxy/record.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::proxy {

/// The value of a variable; empty if there is none (yet).  Lives in `arena` or longer.
std::string_view evaluate(config::Variable variable, std::string_view name, const Record& record,
                          Arena& arena);

/// A template filled in.
std::string_view expand(const config::Template& text, const Record& record, Arena& arena);

/// A template for a field value or a URL: bytes of variables that may not stand in one are dropped
/// (controls) or percent-encoded (`expand_url`: also blanks, quotes and non-ASCII).  Two or more slashes of
/// either kind at the beginning of a URL are reduced to one '/', so that a client's path names no host.
std::string_view expand_field(const config::Template& text, const Record& record, Arena& arena);
std::string_view expand_url(const config::Template& text, const Record& record, Arena& arena);

/// What becomes of the bytes of variables that may not stand in a text: see above.
enum class Safety : std::uint8_t { None, Field, Url };

/// A template filled in by somebody who has the values: its pieces are a literal, then a value, and so on.  They are
/// changed.
std::string_view join(std::span<std::string_view> pieces, Arena& arena, Safety safety);

/// "2026-11-21T02:00:00.123Z" for microseconds since the epoch.
std::string_view iso_time(std::int64_t wall_us, Arena& arena);

/// Milliseconds between two moments with three decimals; 0.000 if one is missing.
std::string_view milliseconds(std::uint64_t from, std::uint64_t to, Arena& arena);

}  // namespace weir::proxy
