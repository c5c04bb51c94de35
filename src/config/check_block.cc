// SPDX-License-Identifier: Apache-2.0
#include "config/check_block.h"

#include "base/cursor.h"
#include "base/text.h"
#include "config/units.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

namespace weir::config {

namespace {

constexpr std::uint64_t most_in_a_row = 1000;
constexpr std::uint64_t most_jitter = 50;
constexpr std::size_t most_headers = 32;
constexpr std::size_t most_service = 255;
constexpr std::array<std::string_view, 3> kinds = {"tcp", "http", "grpc"};
constexpr std::array<std::string_view, 2> body_tests = {"contains", "regex"};

bool is_field_value(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return is_in(c, ValueSet); });
}

class CheckBlock {
 public:
  explicit CheckBlock(const Scope& scope) : scope_(scope), report_(scope.report) {}

  Check build(const Directive& directive) {
    check_.place = directive.at;
    what(directive);
    visit_statements(
        directive.block, InCheck, scope_, check_.origins,
        [this](const DirectiveKind& kind, const Directive& inner) { take(kind, inner); });
    if (check_.timeout > check_.interval)
      report_.warning(directive.at, "the check's timeout is longer than its interval",
                      "the next check begins when the last one has ended");
    return std::move(check_);
  }

 private:
  // `http` alone would be a guess at the path, so it needs one; the method may stand before it.
  void what(const Directive& directive) {
    const auto& values = directive.values;
    const auto kind = read_choice(values[0], "kind of check", kinds, report_);
    if (!kind) return;
    check_.kind = static_cast<Check::Kind>(*kind);
    if (check_.kind == Check::Kind::Tcp) {
      if (values.size() > 1)
        report_.error(values[1].at, "check tcp takes no more values",
                      "write check tcp, or check http /healthz");
      return;
    }
    if (check_.kind == Check::Kind::Grpc) return service(directive);
    if (values.size() == 1)
      return report_.error(values[0].at, "check http has no path", "write check http GET /healthz");
    if (values.size() == 3) check_.method = values[1].text;
    check_.path = values.back().text;
    if (!is_token(check_.method))
      report_.error(values[1].at, concat(in_quotes(check_.method), " is not a method"),
                    "write GET or HEAD");
    const bool visible = std::all_of(check_.path.begin(), check_.path.end(),
                                     [](char c) { return c > ' ' && c < 0x7f; });
    if (!check_.path.starts_with('/') || !visible)
      report_.error(values.back().at, concat(in_quotes(check_.path), " is not a path"),
                    "it begins with \"/\" and has no blanks");
  }

  void service(const Directive& directive) {
    const auto& values = directive.values;
    if (values.size() > 2)
      report_.error(values[2].at, "check grpc takes one service", "write check grpc SERVICE");
    if (values.size() < 2) return;
    check_.service = values[1].text;
    const bool visible = std::all_of(check_.service.begin(), check_.service.end(),
                                     [](char c) { return c > ' ' && c < 0x7f; });
    if (check_.service.empty() || check_.service.size() > most_service || !visible)
      report_.error(values[1].at, concat(in_quotes(check_.service), " is not a service"),
                    "write its full name, as in shop.Orders");
  }

  void take(const DirectiveKind& kind, const Directive& directive) {
    if (check_.kind == Check::Kind::Grpc && (kind.word == Word::Expect || kind.word == Word::Body))
      return report_.error(directive.at, concat(kind.name, " belongs to an http check"),
                           "a grpc check expects SERVING");
    if (check_.kind == Check::Kind::Tcp && is_for_http(kind.word))
      return report_.error(directive.at, concat(kind.name, " belongs to an http check"),
                           "a tcp check only connects");
    const Value& value = directive.values[0];
    switch (kind.word) {
      case Word::Interval: duration(value, check_.interval); break;
      case Word::Fast: duration(value, check_.fast.emplace(check_.interval)); break;
      case Word::Down: duration(value, check_.down.emplace(check_.interval)); break;
      case Word::Timeout: duration(value, check_.timeout); break;
      case Word::StartDelay: duration(value, check_.start_delay); break;
      case Word::Rise: count(value, check_.rise); break;
      case Word::Fall: count(value, check_.fall); break;
      case Word::Jitter:
        if (const auto share = read_percent(value, 0, most_jitter, report_))
          check_.jitter = static_cast<std::uint8_t>(*share);
        break;
      case Word::Port:
        if (const auto port = read_number(value, 1, 65535, report_))
          check_.port = static_cast<std::uint16_t>(*port);
        break;
      case Word::Host: host(value); break;
      case Word::Header: header(directive); break;
      case Word::Expect: expect(directive); break;
      default: body(directive); break;
    }
  }

  static bool is_for_http(Word word) {
    return word == Word::Host || word == Word::Header || word == Word::Expect || word == Word::Body;
  }

  void duration(const Value& value, Milliseconds& to) {
    if (const auto read = read_duration(value, report_)) to = *read;
  }

  void count(const Value& value, std::uint32_t& to) {
    if (const auto number = read_number(value, 1, most_in_a_row, report_))
      to = static_cast<std::uint32_t>(*number);
  }

  void host(const Value& value) {
    check_.host = value.text;
    if (value.text.empty() || value.text.find_first_of(" \t/@") != std::string_view::npos ||
        !is_field_value(value.text))
      report_.error(value.at, concat(in_quotes(value.text), " is not a host"),
                    "write a name, or a name and a port");
  }

  void header(const Directive& directive) {
    const Value &name = directive.values[0], &text = directive.values[1];
    if (!is_token(name.text) || !is_field_value(text.text))
      return report_.error(name.at, "not a header field", "write header NAME VALUE");
    for (const std::string_view own : {"host", "connection", "content-length", "transfer-encoding"})
      if (iequals(name.text, own))
        return report_.error(name.at, concat("a check writes ", in_quotes(name.text), " itself"),
                             own == "host" ? "write host NAME" : "leave it out");
    if (check_.headers.size() == most_headers)
      return report_.error(name.at, "more than 32 fields", "a check needs few");
    check_.headers.emplace_back(name.text, text.text);
  }

  void expect(const Directive& directive) {
    check_.expect.clear();
    for (const Value& value : directive.values)
      for (const std::string_view part : split(value.text, ',')) {
        const std::size_t dash = find_or_end(part, '-');
        const auto from = to_number<std::uint16_t>(part.substr(0, dash));
        const auto to =
            dash == part.size() ? from : to_number<std::uint16_t>(part.substr(dash + 1));
        if (!from || !to || *from < 100 || *to > 599 || *from > *to)
          report_.error(value.at, concat(in_quotes(part), " is not a status or a range of them"),
                        "write 200, or 200-299");
        else
          check_.expect.push_back({*from, *to});
      }
  }

  void body(const Directive& directive) {
    const auto which = read_choice(directive.values[0], "test of a body", body_tests, report_);
    const Value& text = directive.values[1];
    if (!which) return;
    std::string& to = *which == 0 ? check_.body_contains : check_.body_regex;
    if (!to.empty())
      return report_.error(directive.at,
                           concat("body ", directive.values[0].text, " is defined twice"),
                           "write one expression for both");
    if (text.text.empty())
      return report_.error(text.at, "an empty text is in every body", "leave it out");
    to = *which == 0 ? std::string(text.text) : read_regex(text, scope_);
  }

  const Scope& scope_;
  Reporter& report_;
  Check check_;
};

void read_statuses(const Directive& directive, Reporter& report, Outlier& outlier) {
  const auto& values = directive.values;
  outlier.statuses.clear();
  if (values[0].text == "none") return;
  for (const std::string_view part : split(values[0].text, ',')) {
    const auto status = to_number<std::uint16_t>(part);
    if (!status || *status < 500 || *status > 599)
      report.error(values[0].at,
                   concat(in_quotes(part), " is not the status of a server's failure"),
                   "write statuses from 500 to 599, with commas between them");
    else
      outlier.statuses.push_back(*status);
  }
  if (values.size() < 2) return;
  if (const auto number = read_number(values[1], 1, most_in_a_row, report))
    outlier.status_errors = static_cast<std::uint32_t>(*number);
}

}  // namespace

Check build_check(const Directive& directive, const Scope& scope) {
  return CheckBlock(scope).build(directive);
}

Outlier build_outlier(const Directive& directive, const Scope& scope) {
  Outlier outlier;
  outlier.place = directive.at;
  Reporter& report = scope.report;
  visit_statements(directive.block, InOutlier, scope, outlier.origins,
                   [&](const DirectiveKind& kind, const Directive& inner) {
                     const Value& value = inner.values[0];
                     if (kind.word == Word::ConnectErrors) {
                       if (const auto n = read_number_or_none(value, most_in_a_row, report))
                         outlier.connect_errors = static_cast<std::uint32_t>(*n);
                     } else if (kind.word == Word::Status) {
                       read_statuses(inner, report, outlier);
                     } else if (kind.word == Word::MaxEjected) {
                       if (const auto share = read_percent(value, 1, 100, report))
                         outlier.max_ejected = static_cast<std::uint8_t>(*share);
                     } else if (const auto time = read_duration(value, report)) {
                       (kind.word == Word::Eject ? outlier.eject : outlier.max_eject) = *time;
                     }
                   });
  outlier.max_eject = std::max(outlier.max_eject, outlier.eject);
  return outlier;
}

}  // namespace weir::config
