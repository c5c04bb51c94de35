// SPDX-License-Identifier: Apache-2.0
#include "http/field_list.h"

#include "base/characters.h"
#include "base/cursor.h"

namespace weir::http {

std::string_view ReverseList::next() {
  while (true) {
    while (rest_.empty()) {
      if (at_ == begin_) return {};
      --at_;
      if (at_->id == id_) rest_ = at_->value;
    }
    const std::string_view element = trim(take_last(rest_, ','));
    if (!element.empty()) return element;
  }
}

}  // namespace weir::http
