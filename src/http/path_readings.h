// SPDX-License-Identifier: Apache-2.0
//
// Readings: what a path may be to programs that are more careless, or more helpful, than RFC 3986.
// They decode escapes once or more often, take '\' for '/', merge "//", or cut the parameters
// (";...") of segments, before they decode or after it.  A path is forwarded as it was sent, so a rule
// about it holds only if it holds in each of these readings.
//
// Readings are spelled as plain paths are (path.h), so that they can be compared and matched like one.
#pragma once

#include "http/path.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::http {

/// What a forwarded path hides from those who do not decode it.
enum class Hidden : std::uint8_t {
  Nothing,
  Control,  ///< the escape of a control character
  Dots,     ///< a segment "." or "..", in some reading
  TooDeep   ///< escapes of escapes, more than `most_decodings` deep
};

constexpr int most_decodings = 3;

/// Looks for what a path hides at any level of decoding; linear, and for none but a path that has
/// readings more than a glance.  Of several things it names the first in order of levels.
Hidden find_hidden(const Path& path, Arena& arena);

/// The readings of a path that hides nothing, one by one: at most 100, seldom more than 3.  Those that differ
/// from the plain form in nothing, or only beyond the first `most` bytes, are left out.
class PathReadings {
 public:
  /// `most`: how much of a reading matters to who asks, in bytes.
  PathReadings(const Path& path, std::size_t most, Arena& arena);

  /// The next reading, at most `most` bytes of it; nothing after the last.  Holds until the next call.
  std::optional<std::string_view> next();

 private:
  /// A path as it is after some decodings.
  struct Text {
    char* begin = nullptr;  ///< null: no reader that would see this one
    std::size_t size = 0;
    bool keeps_slashes = false;  ///< decoded slashes, of either kind, are data of their segment
  };
  enum How : unsigned { Backslash = 1, Cut = 2, Merge = 4, all_ways = 8 };

  bool decode_once();
  bool spell(const Text& text, unsigned how);

  const Path path_;
  const std::size_t most_;
  /// Whole, cut before decoding up to '/', and up to either slash; then the same with slashes kept.
  std::array<Text, 6> texts_;
  char* out_;
  std::size_t size_ = 0;
  int level_ = 0;
  unsigned step_ = 0;  ///< text and way of the next reading, in this level
};

}  // namespace weir::http
