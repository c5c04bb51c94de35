// SPDX-License-Identifier: Apache-2.0
//
// Queries and authorities: what they mean, and what is refused (RFC 3986 §3.2, §3.4; RFC 9112 §3.2).
// Paths: see path.h.
#pragma once

#include <optional>
#include <string_view>

namespace weir::http {

/// True if a query holds only what may be forwarded as it is: no controls, blanks, '#', non-ASCII bytes.
bool is_safe_query(std::string_view query);

/// An authority taken apart.
struct Authority {
  std::string_view
      host;  ///< without port and one trailing dot; IPv6 with its brackets; not lower-cased
  std::string_view
      port;  ///< digits, 1–65535; empty if there is none, also in "host:" (RFC 3986 §3.2.3)
};

/// Nothing if it is not exactly host[:port] (RFC 3986 §3.2.2 without user information): reg-name
/// of letters, digits, "-._~" only, an IPv4 address, or a bracketed IPv6 address.
std::optional<Authority> parse_authority(std::string_view text);

/// Decodes %XX and, in forms, '+'.  For comparing query values; bad escapes stay as they are.
/// Writes at most `text.size()` bytes to `out`; returns the view of them.
std::string_view percent_decode(std::string_view text, char* out, bool plus_is_blank);

}  // namespace weir::http
