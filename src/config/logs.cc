// SPDX-License-Identifier: Apache-2.0
#include "config/logs.h"

#include "base/text.h"
#include "config/values.h"
#include "config/variables.h"

#include <array>
#include <vector>

namespace weir::config {

namespace {

constexpr std::array<std::string_view, 5> levels = {"debug", "info", "notice", "warn", "error"};

}  // namespace

void Logs::add_format(const Directive& directive) {
  const Value& name = directive.values[0];
  if (read_name(name, "log format", report_).empty()) return;
  const std::string text = read_template(directive.values[1], report_);
  const auto parsed = parse_template(text);
  if (parsed && !parsed->has_variables())
    report_.error(directive.values[1].at, "a log format without a variable says nothing",
                  "variables begin with \"$\": $status, $path; weir.conf(5) has them all");
  if (name.text == "json" || name.text == "combined")
    report_.error(name.at, concat("the log format ", in_quotes(name.text), " is built in"),
                  "choose another name");
  const auto [first, fresh] = formats_.emplace(name.text, Format{text, name.at});
  if (!fresh)
    report_.error(name.at, concat("log format ", in_quotes(name.text), " is defined twice"),
                  concat("the first one is at ", report_.sources().text(first->second.at)));
}

void Logs::build_target(const Value& value, LogTarget& target) {
  target.place = value.at;
  target.to = value.text == "off"      ? LogTo::Off
              : value.text == "stderr" ? LogTo::Stderr
              : value.text == "syslog" ? LogTo::Syslog
                                       : LogTo::File;
  if (target.to == LogTo::File) target.path = read_path(value, report_);
}

// The value after `word`, or null if there is none.
const Value* Logs::option(const Directive& directive, std::string_view word) {
  const auto& values = directive.values;
  if (values.size() == 3 && values[1].text == word) return &values[2];
  if (values.size() > 1)
    report_.error(values[1].at, concat(in_quotes(values[1].text), " is not allowed here"),
                  concat("write ", word, " ",
                         values.size() == 2 && values[1].text != word ? values[1].text : "VALUE"));
  return nullptr;
}

void Logs::build_error_log(const Directive& directive, LogTarget& target) {
  build_target(directive.values[0], target);
  if (target.to == LogTo::Off)
    report_.error(directive.values[0].at, "the error log cannot be off", "level error says least");
  const Value* level = option(directive, "level");
  if (level && read_choice(*level, "level", levels, report_)) target.level = level->text;
}

void Logs::build_access_log(const Directive& directive, LogTarget& target) {
  build_target(directive.values[0], target);
  const Value* format = option(directive, "format");
  if (!format) return;
  target.format = format->text;
  if (format->text == "json" || format->text == "combined") return;
  const auto found = formats_.find(format->text);
  if (found != formats_.end()) {
    target.format = found->second.text;
    return;
  }
  std::vector<std::string_view> names = {"json", "combined"};
  for (const auto& [name, ignored] : formats_) names.push_back(name);
  report_.unknown(format->at, "log format", format->text, names);
}

}  // namespace weir::config
