// SPDX-License-Identifier: Apache-2.0
//
// The path of a request target, in two forms (RFC 3986 §3.3, §6.2.2; RFC 9110 §7.7):
//
//   plain      what routes, filters and keys compare: dot segments resolved, unreserved characters
//              decoded, other escapes in capitals, bytes that no URI may hold escaped
//   forwarded  the bytes as sent; only dot segments are resolved
//
// A path that other programs could read differently is not refused here but marked: see path_readings.h.
#pragma once

#include <weir/arena.h>

#include <cstddef>
#include <optional>
#include <string_view>

namespace weir::http {

/// A path understood.  The views are of the text that was read or of the arena.
struct Path {
  std::string_view plain, forwarded;
  bool has_readings = false;  ///< it holds '%', '\', ';' or "//": programs may disagree about it
};

/// Understands a path as sent.  Nothing if it does not begin with '/', holds a malformed escape, a
/// blank, '#', '?', a control character (0x01-0x1F, 0x7F), or NUL: raw, or at any level of repeated
/// percent-decoding.  Linear; an ordinary path (see below) is looked at once and not copied.
std::optional<Path> read_path(std::string_view sent, Arena& arena);

/// True if both forms are the path itself and it has no other reading, found out in one pass.  Some
/// paths for which it says no are so nevertheless ("/.well-known/x").
bool is_ordinary_path(std::string_view path);

/// Writes a byte as a plain path spells it, in 1 or 3 bytes: one that stood in the path itself is escaped
/// if no URI may hold it, one that stood there as an escape is decoded if it is unreserved.  Returns
/// the end.
char* put_plain(char* out, unsigned char byte, bool is_escape);

/// How many bytes the text begins with are '/' or '\'.
std::size_t leading_slashes(std::string_view text);

/// A reference made from texts, such as a Location.  If it begins with two or more of '/' and '\', which
/// browsers take for the beginning of another host's name, they are reduced to one '/', in a copy.
std::string_view reduce_slashes(std::string_view reference, Arena& arena);

}  // namespace weir::http
