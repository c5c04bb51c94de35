// SPDX-License-Identifier: Apache-2.0
//
// Small questions about texts that several rooms ask.  ASCII only, no locale.  Anything that knows a
// protocol or a language lives in that protocol's room.
#pragma once

#include "base/characters.h"

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// A copy in lower case (ASCII).
std::string to_lower(std::string_view text);

/// The parts between separators; n separators give n + 1 parts, some of which may be empty.
std::vector<std::string_view> split(std::string_view text, char separator);

/// The number that the whole of `digits` stands for; nothing if it is anything else or does not fit.
template <typename N = std::uint64_t>
std::optional<N> to_number(std::string_view digits) {
  N number{};
  const char* const end = digits.data() + digits.size();
  if (digits.empty() || !is_digit(digits.front())) return std::nullopt;
  const auto [stop, error] = std::from_chars(digits.data(), end, number);
  if (error != std::errc() || stop != end) return std::nullopt;
  return number;
}

/// The parts one after the other, in one string.
template <typename... Parts>
std::string concat(const Parts&... parts) {
  std::string whole;
  (whole.append(std::string_view(parts)), ...);
  return whole;
}

/// A word in double quotes, for messages; a very long one is cut.
std::string in_quotes(std::string_view word);

/// How many insertions, deletions, replacements and swaps of neighbours turn `a` into `b`; more
/// than `most` is reported as most + 1.  Words beyond 64 bytes are always too far.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t most);

/// The candidate that `word` was probably meant to be, or nothing: the nearest of those in which at
/// most a third of its letters and at most two differ, else the one with the longest beginning in
/// common, if that is at least half of the word and four letters.
std::optional<std::string_view> nearest(std::string_view word,
                                        std::span<const std::string_view> candidates);

/// Where the first byte is that is not part of well-formed UTF-8 (RFC 3629 §4), or npos.
std::size_t find_bad_utf8(std::string_view text);

/// `text` with the characters that JSON forbids in strings escaped; bytes that are not UTF-8 become
/// U+FFFD.  Appends to `out`, without quotes.
void append_json(std::string& out, std::string_view text);

/// `text` with controls, quotes and backslashes as \xHH: one line, whatever a peer has sent.
void append_escaped(std::string& out, std::string_view text);

/// Appends a decimal number.
void append_number(std::string& out, std::uint64_t number);

}  // namespace weir
