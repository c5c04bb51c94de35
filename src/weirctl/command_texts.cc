// SPDX-License-Identifier: Apache-2.0
#include "weirctl/command_texts.h"

#include "base/text.h"

#include <vector>

namespace weir::weirctl {

namespace {

std::string joined(std::span<const std::string> words) {
  return words.size() > 1 ? words[0] + " " + words[1] : words.empty() ? "" : words[0];
}

std::string describe(const CommandText& text) {
  return concat(text.name, text.arguments.empty() ? "" : " ", text.arguments, "\n    ", text.help,
                "\n    level: ", text.level, "\n");
}

}  // namespace

std::optional<std::string> command_help(std::span<const std::string> words) {
  constexpr std::size_t width = 20;
  const std::string name = joined(words);
  std::string text;
  for (const CommandText& each : command_texts) {
    if (name == "--words")
      text += concat(each.name, "\n");
    else if (name.empty())
      text += concat(each.name, std::string(width - each.name.size(), ' '), each.help, "\n");
    else if (each.name == name || each.name.starts_with(name + " "))
      text += describe(each);
  }
  if (text.empty()) return std::nullopt;
  return text;
}

std::string unknown_command(std::span<const std::string> words) {
  std::vector<std::string_view> names;
  for (const CommandText& each : command_texts) names.push_back(each.name);
  auto near = nearest(joined(words), names);
  if (!near && !words.empty()) near = nearest(words[0], names);
  return concat("no command ", in_quotes(words.empty() ? "" : joined(words)),
                near ? "; did you mean " + in_quotes(*near) + "?" : "; \"help\" lists all");
}

}  // namespace weir::weirctl
