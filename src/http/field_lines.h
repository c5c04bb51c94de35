// SPDX-License-Identifier: Apache-2.0
//
// The field lines of a head or a trailer section (RFC 9112 §5), the inner loop of the parser: one
// pass over the bytes, no allocation, no interpretation of values.  Refused: an empty name or one
// that is no token, a blank before the colon, obs-fold, controls in values, any line end but CRLF.
#pragma once

#include <weir/headers.h>

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::http {

/// Room for the fields of one head, on the stack.
class FieldLines {
 public:
  /// More fields than this are refused whatever the configured limit, which is 1000 at most.
  static constexpr std::size_t most = 1024;

  enum class Outcome : std::uint8_t { Complete, Malformed, TooMany };

  /// Reads the lines up to and including the empty one, which must be the end of `bytes`.  Names
  /// with '_' are left out and counted if `drop_underscores`.
  Outcome read(std::span<const char> bytes, bool drop_underscores);

  std::span<const Field> fields() const {
    return {reinterpret_cast<const Field*>(storage_), count_};
  }
  /// Fields left out because of their name.
  std::uint16_t dropped() const { return dropped_; }

 private:
  // Raw, because giving all fields their default values would cost more than reading ten of them.
  alignas(Field) std::byte storage_[sizeof(Field) * most];
  std::size_t count_ = 0;
  std::uint16_t dropped_ = 0;
};

}  // namespace weir::http
