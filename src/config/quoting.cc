// SPDX-License-Identifier: Apache-2.0
#include "config/quoting.h"

#include <cstddef>

namespace weir::config {

namespace {

bool may_be_bare(std::string_view text) {
  if (text.empty() || text.front() == '#' || text.ends_with('\\')) return false;
  return text.find("${") == std::string_view::npos &&
         text.find_first_of(" \t\r\n;{}\"'") == std::string_view::npos;
}

}  // namespace

std::string quoted(std::string_view text) {
  if (may_be_bare(text)) return std::string(text);
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\t')
      out += c == '\n' ? "\\n" : "\\t";
    else if (c == '"' || c == '\\' || (c == '$' && text.substr(i + 1, 1) == "{"))
      out.append(1, '\\').append(1, c);
    else
      out += c;
  }
  return out + "\"";
}

std::string quoted_template(std::string_view text) {
  std::string out = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\n' || c == '\t') {
      out += c == '\n' ? "\\n" : "\\t";
    } else if (text.substr(i, 2) == "$$") {
      out += "\\$";
      ++i;
    } else if (c == '"' || c == '\\') {
      out.append(1, '\\').append(1, c);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace weir::config
