// SPDX-License-Identifier: Apache-2.0
//
// Classes of bytes, and what is decided byte by byte: which may stand where, as one table look-up each
// (RFC 9110 §5.5, §5.6.2; RFC 3986 §2), case, blanks, hexadecimal digits.  ASCII only, no locale; all of it
// is inline, since parsers spend their time here.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

/// ASCII classes and case; bytes above 127 are never letters.
constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_alpha(char c) { return is_lower(c) || is_upper(c); }
constexpr char to_lower(char c) { return is_upper(c) ? static_cast<char>(c | 0x20) : c; }
constexpr char to_upper(char c) { return is_lower(c) ? static_cast<char>(c & ~0x20) : c; }

/// Blank or tab: what may stand around the parts of a line.
constexpr bool is_blank(char c) { return c == ' ' || c == '\t'; }

/// Equal without regard to ASCII case.
constexpr bool iequals(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (a[i] != b[i] && to_lower(a[i]) != to_lower(b[i])) return false;
  return true;
}

/// `text` without blanks and tabs at both ends.
constexpr std::string_view trim(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

/// Sets of bytes; the values are bits.
enum CharacterSet : std::uint8_t {
  TokenSet = 1,
  ValueSet = 2,       ///< field values: tab, blank, visible ASCII and obs-text; no control
  UnreservedSet = 4,  ///< never need an escape in a URL
  PathSet = 8,        ///< pchar and '/' of RFC 3986 §3.3, '%' apart
  QuerySet = 16,      ///< may be forwarded in a query as they are
  HexSet = 32,
  UnderscoreSet = 64,  ///< '_' alone, so that a scan for tokens finds it in passing
  NameSet = 128        ///< letters, digits and '-'
};

constexpr std::array<std::uint8_t, 256> classify_characters() {
  std::array<std::uint8_t, 256> table{};
  auto mark = [&table](std::string_view characters, unsigned sets) {
    for (char c : characters)
      table[static_cast<unsigned char>(c)] |= static_cast<std::uint8_t>(sets);
  };
  for (unsigned c = 0x20; c < 256; ++c)
    if (c != 0x7f) table[c] |= ValueSet;
  table['\t'] |= ValueSet;
  for (unsigned c = 0x21; c < 0x7f; ++c)
    if (c != '#') table[c] |= QuerySet;
  mark("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
       TokenSet | UnreservedSet | PathSet | NameSet);
  mark("!#$%&'*+-.^_`|~", TokenSet);
  mark("-._~", UnreservedSet | PathSet);
  mark("!$&'()*+,;=:@/", PathSet);
  mark("0123456789abcdefABCDEF", HexSet);
  mark("_", UnderscoreSet);
  mark("-", NameSet);
  return table;
}

inline constexpr std::array<std::uint8_t, 256> character_sets = classify_characters();

/// True if `c` is in at least one of `sets`.
inline bool is_in(char c, unsigned sets) {
  return (character_sets[static_cast<unsigned char>(c)] & sets) != 0;
}

/// A token of at least one character (RFC 9110 §5.6.2): methods, names of fields and cookies.
inline bool is_token(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return is_in(c, TokenSet); });
}

/// The value of a hexadecimal digit.
constexpr unsigned hex_value(char c) {
  return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

/// The hexadecimal digits by value.
inline constexpr std::string_view hex_digits = "0123456789abcdef";
inline constexpr std::string_view upper_hex_digits = "0123456789ABCDEF";

}  // namespace weir
