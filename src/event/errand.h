// SPDX-License-Identifier: Apache-2.0
//
// Errand: what the loop works for in a process that has no clients to forward for: a few words, for whoever has
// to tell in what the process died.
#pragma once

#include "event/loop.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace weir::event {

class Errand final : public Subject {
 public:
  static constexpr std::size_t most_text = 120;

  /// A copy, cut to fit: `kind` is "command" or the like.
  Errand(std::string_view kind, std::string_view what) : kind_(kind) {
    size_ = std::min(what.size(), most_text);
    std::copy_n(what.data(), size_, text_);
  }
  std::string_view kind() const { return kind_; }
  std::string_view text() const { return {text_, size_}; }

 private:
  std::string_view kind_;  ///< a literal
  std::size_t size_;
  char text_[most_text];
};

}  // namespace weir::event
