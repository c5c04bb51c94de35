// SPDX-License-Identifier: Apache-2.0
#include "base/wording.h"

#include "base/text.h"

namespace weir {

std::string unknown_word(std::string_view what, std::string_view word,
                         const std::vector<std::string_view>& candidates) {
  constexpr std::size_t few = 12;
  std::string text = concat("there is no ", what, " ", in_quotes(word));
  if (const auto near = nearest(word, candidates))
    return concat(text, "; did you mean ", in_quotes(*near), "?");
  if (candidates.empty() || candidates.size() > few) return text;
  text += candidates.size() == 1 ? "; there is" : "; there are";
  for (std::size_t i = 0; i < candidates.size(); ++i)
    text += concat(i == 0 ? " " : i + 1 < candidates.size() ? ", " : " and ", candidates[i]);
  return text;
}

void append_shown(std::string& out, std::string_view text) {
  for (const char c : text) {
    if (c == '"' || c == '\\')
      out += c;
    else
      append_escaped(out, {&c, 1});
  }
}

}  // namespace weir
