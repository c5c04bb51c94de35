// SPDX-License-Identifier: Apache-2.0
//
// Which bytes may stand where, as one table look-up each (RFC 9110 §5.5, §5.6.2; RFC 3986 §2).
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::http {

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

/// The value of a hexadecimal digit.
inline unsigned hex_value(char c) {
  return static_cast<unsigned>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

}  // namespace weir::http
