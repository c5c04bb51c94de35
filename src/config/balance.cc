// SPDX-License-Identifier: Apache-2.0
#include "config/balance.h"

#include "base/text.h"
#include "config/values.h"
#include "config/variables.h"

#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

namespace {

// Errors of a kind may carry their hint behind a semicolon.
void report_refused(const Value& at, const Error& why, Reporter& report) {
  if (why.text().find("; ") != std::string::npos)
    report.error(at.at, why);
  else
    report.error(at.at, why.text(), "weir help directive balance tells what there is");
}

}  // namespace

std::optional<Balance> read_balance(const Directive& directive, const Scope& scope) {
  std::vector<std::string_view> words;
  for (const BalancerKind& kind : scope.kinds.balancers) words.emplace_back(kind.word);
  const Value& word = directive.values[0];
  const auto which = read_choice(word, "balance method", words, scope.report);
  if (!which) return std::nullopt;
  Balance balance{std::string(word.text), {}};
  for (std::size_t i = 1; i < directive.values.size(); ++i)
    balance.values.emplace_back(directive.values[i].text);
  const auto factory = scope.kinds.balancers[*which].make(
      {balance.word, balance.values, scope.report.sources().text(directive.at)});
  if (!factory) {
    report_refused(word, factory.error(), scope.report);
    return std::nullopt;
  }
  if (const auto text = parse_template((*factory)->needs().hash_of); !text) {
    scope.report.error(word.at, text.error());
    return std::nullopt;
  }
  return balance;
}

}  // namespace weir::config
