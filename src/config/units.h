// SPDX-License-Identifier: Apache-2.0
//
// Values with a meaning: durations, sizes, addresses, ranges, names.  Each function takes exactly
// what the manual says, and its error is the sentence the operator reads, with advice after "; ".
#pragma once

#include <weir/result.h>

#include "config/config.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::config {

/// "250ms", "2s", "5m", "1h", "7d"; at most ten years.
Result<Milliseconds> parse_duration(std::string_view text);

/// A limit in the unit of the loop's clock, in which 0 stands for none.  The only place where the
/// configuration's milliseconds become microseconds.
constexpr std::uint64_t microseconds(const Limit& limit) {
  return limit ? static_cast<std::uint64_t>(std::chrono::microseconds(*limit).count()) : 0;
}

/// "4k", "100m", "2g": powers of 1024, in bytes.
Result<std::uint64_t> parse_size(std::string_view text);

/// "10.0.0.1:80", "[::1]:80", "unix:/path", "name:80".
Result<Endpoint> parse_endpoint(std::string_view text);

/// "10.0.0.0/8", "2001:db8::/32", or a single address.
Result<Cidr> parse_cidr(std::string_view text);

/// The same back as text; each reads again to the same value.
std::string duration_text(Milliseconds duration);
/// The same for a limit, which may be "none".
std::string limit_text(const Limit& limit);
std::string size_text(std::uint64_t bytes);

/// The one spelling of all that mean the same: "[::0]:80" is "[::]:80", "10.1.2.3" is "10.1.2.3/32".
std::string canonical_text(const Endpoint& endpoint);
std::string canonical_text(const Cidr& range);

/// [A-Za-z_][A-Za-z0-9_.-]*, at most 128 bytes.
bool is_name(std::string_view text);

/// A host name: letters, digits, `-`, `_` and dots in the right places, and not all digits at the end
/// (that would be an IPv4 address).
bool is_host_name(std::string_view text);

}  // namespace weir::config
