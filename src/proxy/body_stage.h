// SPDX-License-Identifier: Apache-2.0
//
// BodyStage: one filter in the way of a body, what lies before it, and how far it has come.
#pragma once

#include <weir/filter.h>

#include "base/buffer.h"

#include <cstdint>

namespace weir::proxy {

/// What a filter wants of a body.
struct StageWish {
  std::uint32_t filter = 0;
  Body body = Body::None;
  std::uint64_t limit = 0;  ///< of Body::Whole
  Over over = Over::Reject;
  bool wants_end = false;
};

struct BodyStage {
  explicit BodyStage(const StageWish& its)
      : wish(its), wants_body(its.body != Body::None), is_pending(its.body == Body::Whole) {}
  BodyStage(BodyStage&& other) noexcept  // only while it is empty, see BodyPipe::add
      : wish(other.wish), wants_body(other.wants_body), is_pending(other.is_pending) {}

  /// What its filter has to do with the body.
  enum class Part : std::uint8_t {
    None,      ///< nothing
    Idle,      ///< it could be left out from here on
    Changing,  ///< it is in the middle of writing something else in place of the body
  };
  Part part() const {
    const bool has_begun = wish.body == Body::Transform && has_changed;
    return has_begun && progress == Progress::Body ? Part::Changing : Part::Idle;
  }
  /// From the next piece on its filter sees nothing more.
  void skip() {
    wish.body = Body::None;
    if (!is_told) is_pending = false;
  }

  enum class Progress : std::uint8_t { Body, LastTold, EndTold, Done };

  StageWish wish;
  const bool wants_body;  ///< from the beginning
  Buffer in;
  std::size_t seen = 0;      ///< of `in`, the filter knows already
  bool has_ended = false;    ///< nothing more comes into it
  bool is_pending;           ///< its filter wants all of the body, and has not continued yet
  bool is_told = false;      ///< it was given that
  bool has_changed = false;  ///< its filter was asked to write something in place of what came
  Progress progress = Progress::Body;
};

}  // namespace weir::proxy
