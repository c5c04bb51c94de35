// SPDX-License-Identifier: Apache-2.0
#include "admin/words.h"

#include "base/characters.h"

#include <algorithm>

namespace weir::admin {

namespace {

bool is_plain(char c) {
  auto byte = static_cast<unsigned char>(c);
  return byte > ' ' && byte != '"' && byte != '\\' && byte != 0x7f;
}

// Reads a quoted word from behind its first quote on; false if it is not ended or badly escaped.
bool take_quoted(std::string_view line, std::size_t& at, std::string& word) {
  for (; at < line.size(); ++at) {
    char c = line[at];
    if (c == '"') {
      ++at;
      return true;
    }
    if (c == '\\') {
      if (++at == line.size()) return false;
      switch (line[at]) {
        case 'n': c = '\n'; break;
        case 't': c = '\t'; break;
        case 'r': c = '\r'; break;
        case '"':
        case '\\': c = line[at]; break;
        default: return false;
      }
    }
    word += c;
  }
  return false;
}

}  // namespace

Result<std::vector<std::string>> parse_words(std::string_view line) {
  std::vector<std::string> words;
  std::size_t at = 0;
  while (true) {
    while (at < line.size() && is_blank(line[at])) ++at;
    if (at == line.size()) return words;
    if (words.size() == most_words) return Error(Errc::Limit, "more than 256 words in a line");
    std::string& word = words.emplace_back();
    if (line[at] == '"') {
      if (!take_quoted(line, ++at, word))
        return Error(Errc::Invalid, "a quoted word is not ended, or has an unknown escape");
      if (at < line.size() && !is_blank(line[at]))
        return Error(Errc::Invalid, "a blank must follow a quoted word");
      continue;
    }
    while (at < line.size() && !is_blank(line[at])) {
      if (!is_plain(line[at]))
        return Error(Errc::Invalid, "a control character, quote or backslash outside of quotes");
      word += line[at++];
    }
  }
}

std::string quote(std::string_view word) {
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return std::string(word);
  std::string out = "\"";
  for (char c : word) {
    switch (c) {
      case '"':
      case '\\': out.append(1, '\\').append(1, c); break;
      case '\n': out += "\\n"; break;
      case '\t': out += "\\t"; break;
      case '\r': out += "\\r"; break;
      default: out += c;
    }
  }
  return out + "\"";
}

}  // namespace weir::admin
