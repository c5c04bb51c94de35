// SPDX-License-Identifier: Apache-2.0
#include "http/field_list.h"

namespace weir::http {

namespace {

constexpr std::string_view blanks = " \t";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(blanks) + 1 - first);
}

}  // namespace

std::string_view ReverseList::next() {
  while (true) {
    while (rest_.empty()) {
      if (at_ == begin_) return {};
      --at_;
      if (at_->id == id_) rest_ = at_->value;
    }
    const std::size_t comma = rest_.rfind(',');
    const bool is_last = comma == std::string_view::npos;
    const std::string_view element = trim(is_last ? rest_ : rest_.substr(comma + 1));
    rest_ = rest_.substr(0, is_last ? 0 : comma);
    if (!element.empty()) return element;
  }
}

}  // namespace weir::http
