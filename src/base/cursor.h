// SPDX-License-Identifier: Apache-2.0
//
// Reading a text from its front: each take_... cuts a piece off the view that it is given.  None of them
// fails: without what is looked for, the piece is all there is.  For the hot scans of HTTP see http/search.h.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace weir {

/// Where the first `c` at or behind `from` is, or the size of `text` if there is none.
constexpr std::size_t find_or_end(std::string_view text, char c, std::size_t from = 0) {
  return std::min(text.find(c, from), text.size());
}

/// The same for the first character that is in `set`.
constexpr std::size_t find_any_or_end(std::string_view text, std::string_view set,
                                      std::size_t from = 0) {
  return std::min(text.find_first_of(set, from), text.size());
}

/// Takes what stands before the first `separator` off the front of `text`, and drops the separator.
/// Without a separator everything is taken, and `text` is empty.
constexpr std::string_view take_until(std::string_view& text, char separator) {
  const std::size_t end = find_or_end(text, separator);
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + 1, text.size()));
  return taken;
}

/// The same for a separator of several characters.
constexpr std::string_view take_until(std::string_view& text, std::string_view separator) {
  const std::size_t end = std::min(text.find(separator), text.size());
  const std::string_view taken = text.substr(0, end);
  text.remove_prefix(std::min(end + separator.size(), text.size()));
  return taken;
}

/// Takes what stands behind the last `separator` off the end of `text`, and drops the separator.
/// Without a separator everything is taken, and `text` is empty.
constexpr std::string_view take_last(std::string_view& text, char separator) {
  const std::size_t at = text.rfind(separator);
  const bool is_only = at == std::string_view::npos;
  const std::string_view taken = text.substr(is_only ? 0 : at + 1);
  text = text.substr(0, is_only ? 0 : at);
  return taken;
}

/// Takes the characters off the front of `text` that are in `set`.
constexpr std::string_view take_while(std::string_view& text, std::string_view set) {
  const std::string_view taken = text.substr(0, text.find_first_not_of(set));
  text.remove_prefix(taken.size());
  return taken;
}

}  // namespace weir
