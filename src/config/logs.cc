// SPDX-License-Identifier: Apache-2.0
#include "config/logs.h"

#include "base/text.h"
#include "config/units.h"
#include "config/values.h"
#include "config/variables.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>
#include <vector>

namespace weir::config {

namespace {

constexpr std::array<std::string_view, 5> levels = {"debug", "info", "notice", "warn", "error"};
constexpr std::array<std::string_view, 2> built_in = {"json", "combined"};
constexpr std::array<std::string_view, 3> options = {"format", "buffer", "flush"};
constexpr std::array<std::string_view, 3> arguments = {"NAME", "SIZE", "TIME"};
constexpr Milliseconds longest_flush = std::chrono::hours(1);

bool is_built_in(std::string_view format) {
  return std::find(built_in.begin(), built_in.end(), format) != built_in.end();
}

}  // namespace

void Logs::add_format(const Directive& directive) {
  const Value& name = directive.values[0];
  if (read_name(name, "log format", report_).empty()) return;
  const std::string text = read_template(directive.values[1], report_);
  const auto parsed = parse_template(text);
  if (parsed && !parsed->has_variables())
    report_.error(directive.values[1].at, "a log format without a variable says nothing",
                  "variables begin with \"$\": $status, $path; weir.conf(5) has them all");
  if (is_built_in(name.text))
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

// The value after the word `level`, or null if there is none.
const Value* Logs::level_of(const Directive& directive) {
  const auto& values = directive.values;
  if (values.size() == 3 && values[1].text == "level") return &values[2];
  if (values.size() > 1)
    report_.error(
        values[1].at, concat(in_quotes(values[1].text), " is not allowed here"),
        concat("write level ",
               values.size() == 2 && values[1].text != "level" ? values[1].text : "VALUE"));
  return nullptr;
}

void Logs::build_error_log(const Directive& directive, LogTarget& target) {
  build_target(directive.values[0], target);
  if (target.to == LogTo::Off)
    report_.error(directive.values[0].at, "the error log cannot be off", "level error says least");
  const Value* level = level_of(directive);
  if (level && read_choice(*level, "level", levels, report_)) target.level = level->text;
}

void Logs::build_access_log(const Directive& directive, LogTarget& target) {
  build_target(directive.values[0], target);
  const auto& values = directive.values;
  std::array<const Value*, options.size()> given{};  // the values of the options, in their order
  for (std::size_t i = 1; i < values.size(); i += 2) {
    const Value& word = values[i];
    const auto* option = std::find(options.begin(), options.end(), word.text);
    if (option == options.end()) return refuse_option(word);
    const auto which = static_cast<std::size_t>(option - options.begin());
    if (i + 1 == values.size())
      return report_.error(word.at, concat(in_quotes(word.text), " has no value"),
                           concat("write ", word.text, " ", arguments[which]));
    if (given[which])
      return report_.error(word.at, concat("duplicate ", in_quotes(word.text)),
                           "leave one of them out");
    given[which] = &values[i + 1];
  }
  if (given[0]) build_format(*given[0], target);
  if (given[1] || given[2]) build_buffer(values[0], given[1], given[2], target);
}

void Logs::refuse_option(const Value& word) {
  const std::size_t equals = word.text.find('=');
  std::string hint = "the options are format NAME, buffer SIZE and flush TIME";
  if (equals != std::string_view::npos)
    hint = concat("write ", word.text.substr(0, equals), " ", word.text.substr(equals + 1),
                  ", without \"=\"");
  else if (is_built_in(word.text) || formats_.contains(word.text))
    hint = concat("write format ", word.text);
  report_.error(word.at, concat(in_quotes(word.text), " is not allowed here"), hint);
}

void Logs::build_format(const Value& name, LogTarget& target) {
  target.format = name.text;
  if (is_built_in(name.text)) return;
  const auto found = formats_.find(name.text);
  if (found != formats_.end()) {
    target.format = found->second.text;
    return;
  }
  std::vector<std::string_view> names(built_in.begin(), built_in.end());
  for (const auto& [known, ignored] : formats_) names.push_back(known);
  report_.unknown(name.at, "log format", name.text, names);
}

void Logs::build_flush(const Value& value, LogBuffer& buffer) {
  const auto time = read_duration(value, report_);
  if (!time) return;
  if (*time > longest_flush)
    report_.error(value.at, concat(in_quotes(value.text), " is too long"),
                  concat("write a time up to ", duration_text(longest_flush)));
  buffer.flush = *time;
}

// A time alone would leave open how much may wait.
void Logs::build_buffer(const Value& to, const Value* size, const Value* time, LogTarget& target) {
  const Value& first = size ? *size : *time;
  if (target.to != LogTo::File)
    return report_.error(first.at, concat("lines for ", to.text, " do not wait"),
                         "buffer and flush are for log files");
  if (!size)
    return report_.error(time->at, "flush without buffer",
                         concat("write buffer 64k flush ", time->text));
  LogBuffer buffer;
  if (const auto bytes = read_size(*size, least_log_buffer, most_log_buffer, report_))
    buffer.size = *bytes;
  if (time) build_flush(*time, buffer);
  target.buffer = buffer;
}

}  // namespace weir::config
