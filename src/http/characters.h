// SPDX-License-Identifier: Apache-2.0
//
// Which bytes may stand where, as one table look-up each (RFC 9110 §5.5, §5.6.2; RFC 3986 §2), and
// the two searches that the parser spends its time in, sixteen bytes a step where the processor can.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::http {

/// Sets of bytes; the values are bits.
enum CharacterSet : std::uint8_t {
  TokenSet = 1,
  ValueSet = 2,       ///< field values: tab, blank, visible ASCII and obs-text; no control
  UnreservedSet = 4,  ///< never need an escape in a URL
  PathSet = 8,        ///< may stand unescaped in a path, '%' apart
  QuerySet = 16,      ///< may be forwarded in a query as they are
  HexSet = 32,
  UnderscoreSet = 64  ///< '_' alone, so that a scan for tokens finds it in passing
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
       TokenSet | UnreservedSet | PathSet);
  mark("!#$%&'*+-.^_`|~", TokenSet);
  mark("-._~", UnreservedSet | PathSet);
  // More than RFC 3986 pchar: what browsers send as it is and all servers read in the same way.
  mark("!$&'()*+,;=:@/[]|^`{}\"<>", PathSet);
  mark("0123456789abcdefABCDEF", HexSet);
  mark("_", UnderscoreSet);
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

/// The first byte at or after `at` that may not stand in a field value (for a good line: its CR).
inline const char* find_value_end(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i highest_control = _mm_set1_epi8(0x1f);
  const __m128i tab = _mm_set1_epi8('\t');
  const __m128i del = _mm_set1_epi8(0x7f);
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i controls = _mm_cmpeq_epi8(_mm_min_epu8(bytes, highest_control), bytes);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(_mm_cmpeq_epi8(bytes, tab), controls),
                                     _mm_cmpeq_epi8(bytes, del));
    if (const int mask = _mm_movemask_epi8(bad))
      return at + __builtin_ctz(static_cast<unsigned>(mask));
  }
#endif
  while (at < end && is_in(*at, ValueSet)) ++at;
  return at;
}

/// The first LF or NUL at or after `at`, or `end`.
inline const char* find_line_end(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i lf = _mm_set1_epi8('\n');
  const __m128i nul = _mm_setzero_si128();
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const __m128i found = _mm_or_si128(_mm_cmpeq_epi8(bytes, lf), _mm_cmpeq_epi8(bytes, nul));
    if (const int mask = _mm_movemask_epi8(found))
      return at + __builtin_ctz(static_cast<unsigned>(mask));
  }
#endif
  while (at < end && *at != '\n' && *at != '\0') ++at;
  return at;
}

/// The first ':' at or after `at`, or `end`.
inline const char* find_colon(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i colon = _mm_set1_epi8(':');
  for (; end - at >= 16; at += 16) {
    const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const int mask = _mm_movemask_epi8(_mm_cmpeq_epi8(bytes, colon));
    if (mask) return at + __builtin_ctz(static_cast<unsigned>(mask));
  }
#endif
  while (at < end && *at != ':') ++at;
  return at;
}

}  // namespace weir::http
