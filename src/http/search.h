// SPDX-License-Identifier: Apache-2.0
//
// The searches that the parser spends its time in, sixteen bytes a step where the processor can
// (SSE2 is part of every x86-64); the plain loops behind them say what is meant.
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include "base/characters.h"

#include <algorithm>
#include <cstddef>

namespace weir::http {

#if defined(__SSE2__)
/// Sixteen bytes, and questions that are answered for all of them at once: 0xff or 0 for each.
class Sixteen {
 public:
  explicit Sixteen(const char* at)
      : bytes_(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at))) {}
  __m128i equal(char c) const { return _mm_cmpeq_epi8(bytes_, _mm_set1_epi8(c)); }
  __m128i at_most(char c) const {
    return _mm_cmpeq_epi8(_mm_min_epu8(bytes_, _mm_set1_epi8(c)), bytes_);
  }
  __m128i at_least(char c) const {
    return _mm_cmpeq_epi8(_mm_max_epu8(bytes_, _mm_set1_epi8(c)), bytes_);
  }
  /// From `low` to `high`, 0x20 aside: for letters.
  __m128i in_folded_range(char low, char high) const {
    const __m128i folded = _mm_or_si128(bytes_, _mm_set1_epi8(0x20));
    const __m128i above = _mm_sub_epi8(folded, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(static_cast<char>(high - low))), above);
  }
  __m128i in_range(char low, char high) const {
    const __m128i above = _mm_sub_epi8(bytes_, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, _mm_set1_epi8(static_cast<char>(high - low))), above);
  }

 private:
  __m128i bytes_;
};

/// One bit for each of the sixteen, the first byte's lowest.
inline unsigned mask_of(__m128i answer) { return static_cast<unsigned>(_mm_movemask_epi8(answer)); }
#endif

/// The first byte that may not stand in a field value (for a good line: its CR), or `end`.
inline const char* find_value_end(const char* at, const char* end) {
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16) {
    const Sixteen sixteen(at);
    const __m128i bad = _mm_or_si128(_mm_andnot_si128(sixteen.equal('\t'), sixteen.at_most(0x1f)),
                                     sixteen.equal(0x7f));
    if (const unsigned mask = mask_of(bad)) return at + __builtin_ctz(mask);
  }
#endif
  while (at < end && is_in(*at, ValueSet)) ++at;
  return at;
}

/// The first blank or control, or `end`.
inline const char* find_word_end(const char* at, const char* end) {
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16) {
    const Sixteen sixteen(at);
    const __m128i found = _mm_or_si128(sixteen.at_most(' '), sixteen.equal(0x7f));
    if (const unsigned mask = mask_of(found)) return at + __builtin_ctz(mask);
  }
#endif
  while (at < end && is_in(*at, ValueSet) && *at != ' ' && *at != '\t') ++at;
  return at;
}

/// The first LF or NUL, or `end`.
inline const char* find_line_end(const char* at, const char* end) {
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16) {
    const Sixteen sixteen(at);
    const __m128i found = _mm_or_si128(sixteen.equal('\n'), sixteen.equal('\0'));
    if (const unsigned mask = mask_of(found)) return at + __builtin_ctz(mask);
  }
#endif
  while (at < end && *at != '\n' && *at != '\0') ++at;
  return at;
}

/// How long a head is to which nothing is to be said: it is whole, its lines end with CRLF, none of its bytes is
/// NUL, and at most `lines` lines come before its empty one, which is not the first.  0 if that is not so, or
/// cannot be told here.
inline std::size_t plain_head_length(const char* text, std::size_t size, std::uint32_t lines) {
#if defined(__SSE2__)
  if (size < 16 || text[0] <= ' ') return 0;
  std::size_t line = 0;
  for (std::size_t seen = 0; seen < size;) {
    // The last step looks again at a part of what the one before it has seen.
    const std::size_t at = std::min(seen, size - 16);
    const Sixteen sixteen(text + at);
    unsigned found = mask_of(_mm_or_si128(sixteen.equal('\n'), sixteen.equal('\0')));
    found &= 0xffffU << (seen - at);
    seen = at + 16;
    for (; found != 0; found &= found - 1) {
      const std::size_t end = at + static_cast<std::size_t>(__builtin_ctz(found));
      if (text[end] == '\0' || text[end - 1] != '\r') return 0;
      if (end == line + 1) return end + 1;
      if (lines-- == 0) return 0;
      line = end + 1;
    }
  }
#endif
  return 0;
}

/// Skips letters, digits and '-', which is what field names are made of; may stop early.
inline const char* skip_name(const char* at, const char* end) {
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16) {
    const Sixteen sixteen(at);
    const __m128i good =
        _mm_or_si128(_mm_or_si128(sixteen.in_folded_range('a', 'z'), sixteen.in_range('0', '9')),
                     sixteen.equal('-'));
    if (const unsigned mask = mask_of(good); mask != 0xffff) return at + __builtin_ctz(~mask);
  }
#endif
  while (at < end && is_in(*at, NameSet)) ++at;
  return at;
}

}  // namespace weir::http
