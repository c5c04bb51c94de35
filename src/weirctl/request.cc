// SPDX-License-Identifier: Apache-2.0
#include "weirctl/request.h"

#include <weir/result.h>

#include "base/text.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

namespace weir::weirctl {

namespace {

/// The FILE of `reload FILE` and `plan FILE`; closed if the words name none.
/// O_NONBLOCK: a FIFO without a writer must not hold us; the daemon refuses it.
Result<Fd> open_file(const std::vector<std::string>& words) {
  if (words.size() < 2 || (words[0] != "reload" && words[0] != "plan")) return Fd();
  if (words[1] == "confirm" || words[1] == "force") return Fd();
  Fd file(::open(words[1].c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!file.is_open()) return Error(Errc::System, concat(words[1], ": ", std::strerror(errno)));
  return file;
}

/// The request that `line`, which has these words, stands for.
Request assemble(std::string line, std::vector<std::string> words, bool json) {
  const bool says_json = !words.empty() && words[0] == "@json";
  if (says_json) words.erase(words.begin());
  Result<Fd> file = open_file(words);
  Request request;
  request.line = json && !says_json ? "@json " + std::move(line) : std::move(line);
  if (file)
    request.file = std::move(*file);
  else
    request.problem = file.error().text();
  request.alone = request.file.is_open() || !file;
  request.json = json || says_json;
  request.closes = !words.empty() && (words[0] == "commit" || words[0] == "abort");
  request.streams = !words.empty() && words[0] == "watch";
  return request;
}

}  // namespace

std::string quoted(std::string_view word) {
  const auto is_plain = [](char c) {
    return static_cast<unsigned char>(c) > ' ' && c != 0x7f && !std::strchr("\"'\\", c);
  };
  if (!word.empty() && std::all_of(word.begin(), word.end(), is_plain)) return std::string(word);
  std::string text = "\"";
  for (char c : word) {
    if (c == '"' || c == '\\') text += '\\';
    if (c == '\n')
      text += "\\n";
    else
      text += c;
  }
  return text + '"';
}

std::vector<std::string> words_of(std::string_view line) {
  std::vector<std::string> words;
  bool is_quoted = false;
  bool is_inside = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (!is_quoted && is_blank(c)) {
      is_inside = false;
      continue;
    }
    if (!std::exchange(is_inside, true)) words.emplace_back();
    if (c == '"')
      is_quoted = !is_quoted;
    else if (c == '\\' && is_quoted && i + 1 < line.size())
      words.back() += line[++i] == 'n' ? '\n' : line[i];
    else
      words.back() += c;
  }
  return words;
}

Request make_request(const std::vector<std::string>& words, bool json) {
  std::string line;
  for (const std::string& word : words) line += (line.empty() ? "" : " ") + quoted(word);
  return assemble(std::move(line), words, json);
}

Request make_request(std::string_view line, bool json) {
  return assemble(std::string(line), words_of(line), json);
}

}  // namespace weir::weirctl
