// SPDX-License-Identifier: Apache-2.0
#include "weirctl/command_texts.h"

#include "base/text.h"

#include <utility>
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

/// What other proxies' tools, and service managers, call it.
constexpr std::pair<std::string_view, std::string_view> foreign_commands[] = {
    {"disable", "server set BACKEND/NAME state down"},
    {"enable", "server set BACKEND/NAME state auto"},
    {"events", "watch"},
    {"info", "status"},
    {"list", "show servers, show routes or the like; help show lists them"},
    {"log", "log level LEVEL"},
    {"logs", "watch for events; requests are in the access log"},
    {"quit", "shutdown"},
    {"restart", "reload for another configuration, upgrade for another binary"},
    {"set", "server set BACKEND/NAME weight N"},
    {"stat", "show servers, or metrics"},
    {"stats", "show servers, or metrics"},
    {"stop", "shutdown"},
    {"test", "plan"},
};

// What may follow the first word of commands of two words.
std::vector<std::string_view> seconds_of(std::string_view first) {
  std::vector<std::string_view> seconds;
  for (const CommandText& each : command_texts)
    if (each.name.starts_with(first) && each.name.substr(first.size()).starts_with(' '))
      seconds.push_back(each.name.substr(first.size() + 1));
  return seconds;
}

std::string list_of(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i)
    text += concat(i == 0 ? "" : i + 1 < words.size() ? ", " : " or ", words[i]);
  return text;
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
  const std::string_view first = words.empty() ? std::string_view() : words[0];
  const std::string text = concat("no command ", in_quotes(joined(words)), "; ");
  for (const auto& [theirs, ours] : foreign_commands)
    if (theirs == first) return concat(text, "write ", ours);
  const std::vector<std::string_view> group = seconds_of(first);
  if (!group.empty()) {
    const auto near = words.size() > 1 ? nearest(words[1], group) : std::nullopt;
    if (near) return concat(text, "did you mean \"", first, " ", *near, "\"?");
    return concat(text, first, " is followed by ", list_of(group));
  }
  std::vector<std::string_view> names;
  for (const CommandText& each : command_texts) names.push_back(each.name);
  auto near = nearest(joined(words), names);
  if (!near) near = nearest(first, names);
  return near ? concat(text, "did you mean ", in_quotes(*near), "?")
              : concat(text, "\"help\" lists all");
}

}  // namespace weir::weirctl
