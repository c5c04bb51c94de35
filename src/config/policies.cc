// SPDX-License-Identifier: Apache-2.0
#include "config/policies.h"

#include "base/text.h"
#include "config/parsed_text.h"
#include "config/units.h"
#include "config/values.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <string>

namespace weir::config {

namespace {

constexpr std::uint64_t most_attempts = 10;
constexpr std::string_view conditions[] = {"connect_error"};
constexpr std::size_t most_policies = 100;  // each route gets a copy of its listener's

const TimeoutKind* find_timeout(std::string_view name, Context context) {
  for (const TimeoutKind& kind : timeout_kinds())
    if (kind.name() == name && (kind.contexts & context)) return &kind;
  return nullptr;
}

void report_unknown_timeout(const Value& value, Context context, Reporter& report) {
  std::vector<std::string_view> names;
  for (const TimeoutKind& kind : timeout_kinds()) {
    if (kind.contexts & context) names.push_back(kind.name());
    if (kind.name() != value.text) continue;
    report.error(value.at, concat("timeout ", in_quotes(value.text), " is not allowed here"),
                 kind.contexts & InListener
                     ? "it belongs in a listener: it runs before a route is known"
                     : "it belongs in a backend");
    return;
  }
  report.unknown(value.at, "timeout", value.text, names);
}

void build_timeout(const Directive& directive, Context context, Reporter& report, Limits& limits,
                   Origins& origins) {
  for (std::size_t i = 0; i < directive.values.size(); i += 2) {
    const Value& name = directive.values[i];
    const TimeoutKind* kind = find_timeout(name.text, context);
    if (!kind) {
      report_unknown_timeout(name, context, report);
    } else if (i + 1 == directive.values.size()) {
      report.error(name.at, concat("timeout ", in_quotes(name.text), " has no time"),
                   concat("write timeout ", name.text, " ", limit_text(kind->otherwise)));
    } else if (const Place* first = find_origin(origins, kind->statement)) {
      report.error(name.at, concat("timeout ", in_quotes(name.text), " is set twice"),
                   concat("the first one is at ", report.sources().text(*first)));
    } else {
      origins.push_back({kind->statement, name.at});
      if (const auto limit = read_limit(directive.values[i + 1], report))
        limits.*kind->member = *limit;
    }
  }
}

void build_max_body(const Directive& directive, Reporter& report, Limits& limits) {
  constexpr std::uint64_t most = std::uint64_t{1} << 50;
  const Value& value = directive.values[0];
  if (value.text == "none")
    limits.max_body.emplace(std::nullopt);
  else if (value.text == "0")
    report.error(value.at, "a max_body of 0 is not allowed",
                 "0 does not mean unlimited: write none, or a size above it");
  else if (const auto size = read_size(value, 1024, most, report))
    limits.max_body = std::optional<std::uint64_t>(*size);
}

void build_client_close(const Directive& directive, Reporter& report, Limits& limits) {
  // In the order of enum ClientClose.
  static constexpr std::array<std::string_view, 2> choices = {"abort", "finish"};
  const auto which = read_choice(directive.values[0], "client_close", choices, report);
  if (which) limits.client_close = static_cast<ClientClose>(*which);
}

void build_tcp_keepalive(const Directive& directive, Reporter& report, Limits& limits) {
  using namespace std::chrono_literals;
  const Value& value = directive.values[0];
  const auto limit = read_limit(value, report);
  if (!limit) return;
  if (*limit && (**limit < 1s || **limit > 9h))
    report.error(value.at, concat("tcp_keepalive ", value.text, " is out of range"),
                 "write 1s to 9h, or none");
  limits.tcp_keepalive = *limit;
}

void build_conditions(const Value& value, Reporter& report, Retry& retry) {
  retry.on_connect_error = false;
  for (const std::string_view word : split(value.text, ',')) {
    const auto status = to_number<std::uint16_t>(word);
    if (word == "connect_error")
      retry.on_connect_error = true;
    else if (!status || *status < 400 || *status > 599)
      report.error(
          value.at, concat(in_quotes(word), " is not a reason to try again"),
          nearest(word, conditions)
              ? "did you mean \"connect_error\"?"
              : "write connect_error and statuses from 400 to 599, with commas between them");
    else if (std::find(retry.on_status.begin(), retry.on_status.end(), *status) ==
             retry.on_status.end())
      retry.on_status.push_back(*status);
  }
}

void build_retry(const Directive& directive, Reporter& report, Limits& limits) {
  const auto& values = directive.values;
  Retry retry;
  if (values[0].text == "none") {
    retry.attempts = 0;
    if (values.size() > 1)
      report.error(values[1].at, "retry none takes no more values",
                   "write retry none, or retry 2 on connect_error,503");
  } else {
    const auto attempts = read_number_or_none(values[0], most_attempts, report);
    retry.attempts = static_cast<std::uint32_t>(attempts.value_or(1));
  }
  if (values.size() > 1 && retry.attempts > 0) {
    if (values[1].text != "on" || values.size() != 3)
      report.error(values[1].at, "retry needs \"on\" and conditions after its number",
                   "write retry 2 on connect_error,503");
    else
      build_conditions(values[2], report, retry);
  }
  limits.retry = std::move(retry);
}

void report_refused(const Directive& directive, const Error& why, Reporter& report) {
  const DirectiveKind* kind = find_directive(directive.word, any_context);
  if (why.text().find("; ") != std::string::npos)
    report.error(directive.at, why);
  else
    report.error(directive.at, why.text(),
                 kind
                     ? concat("write ", kind->name, " ", kind->arguments)
                     : concat("the words of ", in_quotes(directive.word), " are its module's own"));
}

// What a filter can ask while its statement is only checked: backends have no numbers yet.
class CheckContext final : public FilterContext {
 public:
  explicit CheckContext(std::span<const std::string> backends) : backends_(backends) {}
  std::optional<std::uint32_t> backend(std::string_view name) const override {
    if (std::find(backends_.begin(), backends_.end(), name) == backends_.end()) return std::nullopt;
    return 0;
  }
  Result<std::unique_ptr<const Text>> text(std::string_view text) const override {
    return ParsedText::parse(text);
  }

 private:
  std::span<const std::string> backends_;
};

// Words that weir itself has are in the table of directives; their texts are marked.
void build_filter(const Directive& directive, const Scope& scope, PolicyList& list) {
  const auto kind =
      std::find_if(scope.kinds.filters.begin(), scope.kinds.filters.end(),
                   [&](const FilterKind& filter) { return directive.word == filter.word; });
  if (kind == scope.kinds.filters.end()) {
    scope.report.error(directive.at, concat(in_quotes(directive.word), " is not part of this weir"),
                       "it was compiled without it");
    return;
  }
  if (directive.values.size() == 1 && directive.values[0].text == "none") {
    if (std::find(list.cleared.begin(), list.cleared.end(), kind->word) == list.cleared.end())
      list.cleared.push_back(kind->word);
    return;
  }
  if (list.own.size() == most_policies) {
    scope.report.error(directive.at, "more than 100 policies in one block",
                       "each route would carry all of them");
    return;
  }
  const bool own_word = find_directive(directive.word, any_context) != nullptr;
  Statement statement{kind->word, {}, scope.report.sources().text(directive.at)};
  for (std::size_t i = 0; i < directive.values.size(); ++i) {
    const Value& value = directive.values[i];
    statement.values.emplace_back(own_word && i >= first_text_of_policy ? value.marked
                                                                        : value.text);
  }
  if (scope.checks_filters) {
    const auto built = kind->build(statement, CheckContext(scope.backends));
    if (!built) report_refused(directive, built.error(), scope.report);
  }
  list.own.push_back({kind->word, std::move(statement.values), directive.at});
}

}  // namespace

std::vector<std::uint32_t> chain_of(const Config& config, std::uint32_t backend) {
  std::vector<std::uint32_t> chain = {backend};
  while (chain.size() <= most_chained && config.backends[chain.back()].fallback)
    chain.push_back(*config.backends[chain.back()].fallback);
  return chain;
}

bool PolicyList::clears(std::string_view word) const {
  return std::find(cleared.begin(), cleared.end(), word) != cleared.end();
}

std::vector<Policy> join(const PolicyList& listener, std::span<const PolicyList* const> chain,
                         const PolicyList& route) {
  const std::size_t length = std::max<std::size_t>(chain.size(), 1);
  const auto all = static_cast<std::uint16_t>((1U << length) - 1);
  std::vector<Policy> list = listener.own;
  for (Policy& policy : list) policy.backends = all;
  const std::size_t outer = list.size();
  for (std::size_t i = 0; i < chain.size(); ++i) {
    const auto bit = static_cast<std::uint16_t>(1U << i);
    for (std::size_t k = 0; k < outer; ++k)
      if (chain[i]->clears(list[k].word)) list[k].backends &= static_cast<std::uint16_t>(~bit);
    for (const Policy& policy : chain[i]->own) list.emplace_back(policy).backends = bit;
  }
  for (Policy& policy : list) policy.inherited = true;
  std::erase_if(list, [&route](const Policy& policy) {
    return policy.backends == 0 || route.clears(policy.word);
  });
  for (const Policy& policy : route.own) list.emplace_back(policy).backends = all;
  return list;
}

bool build_policy(const DirectiveKind& kind, const Directive& directive, Context context,
                  const Scope& scope, Limits& limits, PolicyList& list, Origins& origins) {
  switch (kind.word) {
    case Word::Timeout: build_timeout(directive, context, scope.report, limits, origins); break;
    case Word::MaxBody: build_max_body(directive, scope.report, limits); break;
    case Word::EarlyData:
      limits.early_data = directive.values[0].text == "on";
      if (directive.values[0].text != "on" && directive.values[0].text != "off")
        scope.report.error(directive.values[0].at,
                           concat(in_quotes(directive.values[0].text), " is not a switch"),
                           "write on or off");
      break;
    case Word::ClientClose: build_client_close(directive, scope.report, limits); break;
    case Word::TcpKeepalive: build_tcp_keepalive(directive, scope.report, limits); break;
    case Word::PathCheck:
      if (const auto read =
              read_choice(directive.values[0], "path_check", path_checks, scope.report))
        limits.path_check = static_cast<PathCheck>(*read);
      break;
    case Word::Retry: build_retry(directive, scope.report, limits); break;
    case Word::Policy: build_filter(directive, scope, list); break;
    default: return false;
  }
  return true;
}

}  // namespace weir::config
