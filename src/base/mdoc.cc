// SPDX-License-Identifier: Apache-2.0
#include "base/mdoc.h"

#include "base/text.h"

namespace weir {

std::string mdoc_text(std::string_view text) {
  constexpr std::size_t widest = 78;
  std::string out, line;
  for (const std::string_view word : split(text, ' ')) {
    if (!line.empty() && line.size() + 1 + word.size() > widest) {
      out.append(line).append("\n");
      line.clear();
    }
    if (!line.empty())
      line += ' ';
    else if (word.starts_with('.') || word.starts_with('\''))
      line += "\\&";
    for (const char c : word) c == '\\' ? line.append("\\e") : line.append(1, c);
  }
  return out + line;
}

}  // namespace weir
