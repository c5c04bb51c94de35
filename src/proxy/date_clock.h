// SPDX-License-Identifier: Apache-2.0
//
// DateClock: the present second as a Date field spells it (RFC 9110 §5.6.7), formatted once a second, so that a
// request costs one comparison.
#pragma once

#include "event/loop.h"
#include "http/field.h"

#include <array>
#include <cstdint>
#include <string_view>

namespace weir::proxy {

class DateClock {
 public:
  explicit DateClock(event::Loop& loop) : loop_(loop) {}

  /// 29 bytes that stay until the next call.  A wall clock that was set is noticed within a second.
  std::string_view text() {
    constexpr std::int64_t second_us = 1'000'000;
    if (loop_.now() >= until_) {
      const std::int64_t wall = loop_.wall();
      http::write_date(text_.data(), wall / second_us);
      until_ = loop_.now() + static_cast<std::uint64_t>(second_us - wall % second_us);
    }
    return {text_.data(), text_.size()};
  }

 private:
  event::Loop& loop_;
  std::uint64_t until_ = 0;  ///< monotonic microseconds
  std::array<char, 29> text_{};
};

}  // namespace weir::proxy
