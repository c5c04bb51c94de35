// SPDX-License-Identifier: Apache-2.0
#include "config/statements.h"

#include <weir/regex.h>

#include "base/text.h"
#include "config/foreign.h"
#include "config/matchers.h"
#include "config/units.h"

#include <algorithm>
#include <string>
#include <utility>

namespace weir::config {

namespace {

// What the words of modules have in common.
constexpr DirectiveKind module_policy = {Word::Policy,
                                         "policy",
                                         InListener | InBackend | InRoute,
                                         Times::Many,
                                         Block::Never,
                                         0,
                                         DirectiveKind::any,
                                         "VALUE ...",
                                         "",
                                         ""};

struct ContextName {
  Context context;
  std::string_view in, belongs;
};
constexpr ContextName context_table[] = {
    {InMain, "at the top level", "at the top level of the file"},
    {InListener, "in a listener", "in a listener"},
    {InRoute, "in a route", "in a route"},
    {InBackend, "in a backend", "in a backend"},
    {InCheck, "in a check", "in the block of a check"},
    {InOutlier, "in an outlier block", "in an outlier block"},
    {InAdmin, "in an admin block", "in an admin block"},
    {InListenerTls, "in the tls block of a listener", "in the tls block of a listener"},
    {InBackendTls, "in the tls block of a backend", "in the tls block of a backend"},
    {InTrustedProxies, "in the block of trusted_proxies", "in the block of trusted_proxies"},
    {InBind, "in the block of a bind", "in the block of a bind"},
    {InPipeline, "in a pipeline block", "in a pipeline block"}};

std::string_view context_name(Context context) {
  for (const ContextName& each : context_table)
    if (each.context == context) return each.in;
  return "here";
}

// "in a listener, in a route or in a backend".
std::string places_of(std::string_view word) {
  std::uint16_t contexts = 0;
  for (const DirectiveKind& kind : directive_kinds())
    if (kind.name == word) contexts |= kind.contexts;
  std::vector<std::string_view> names;
  for (const ContextName& each : context_table)
    if (contexts & each.context) names.push_back(each.belongs);
  std::string text;
  for (std::size_t i = 0; i < names.size(); ++i)
    text += concat(i == 0 ? "" : i + 1 < names.size() ? ", " : " or ", names[i]);
  return text;
}

bool is_module_word(std::string_view word, const Scope& scope) {
  return std::any_of(scope.kinds.filters.begin(), scope.kinds.filters.end(),
                     [word](const FilterKind& kind) { return word == kind.word; });
}

// An address or a host name in the place of a directive; empty if it is none.
std::string hint_of_address(const Directive& directive, Context context) {
  const std::string_view word = directive.word;
  const bool is_address = parse_endpoint(word).has_value() || word.starts_with(':');
  if (context == InBackend && is_address) return concat("write server NAME ", word);
  const bool is_host = is_host_name(word) && word.find('.') != std::string_view::npos;
  if (context == InMain && directive.has_block && (is_address || is_host))
    return concat("write listener NAME { bind ADDRESS; route ", is_host ? "host " : "",
                  is_host ? word : "", is_host ? " " : "", "forward BACKEND }");
  return {};
}

// `listener web { forward api }`.
bool is_action(std::string_view word) {
  const DirectiveKind* kind = find_directive(word, InRoute);
  return kind && kind->contexts == InRoute && is_route_word(word);
}

std::string hint_of_place(const Directive& directive, Context context) {
  if (context != InListener || !is_action(directive.word))
    return concat("it belongs ", places_of(directive.word));
  std::string values;
  for (const Value& value : directive.values) values += concat(" ", value.text);
  return concat("write route ", directive.word, values);
}

void report_unknown(const Directive& directive, Context context, const Scope& scope) {
  const ForeignWord* foreign = find_foreign("directive", directive.word, context);
  if (find_directive(directive.word, any_context))
    return scope.report.error(
        directive.at, concat(in_quotes(directive.word), " is not allowed ", context_name(context)),
        foreign ? std::string(foreign->hint) : hint_of_place(directive, context));
  const std::string hint =
      foreign ? std::string(foreign->hint) : hint_of_address(directive, context);
  if (!hint.empty())
    return scope.report.error(directive.at, concat("unknown directive ", in_quotes(directive.word)),
                              hint);
  std::vector<std::string_view> names;
  for (const DirectiveKind& kind : directive_kinds())
    if (kind.contexts & context) names.push_back(kind.name);
  if (context == InListener || context == InBackend || context == InRoute)
    for (const FilterKind& kind : scope.kinds.filters) names.emplace_back(kind.word);
  scope.report.unknown(directive.at, "directive", directive.word, names);
}

std::string synopsis(const DirectiveKind& kind) {
  return concat("write ", kind.name, kind.arguments.empty() ? "" : " ", kind.arguments);
}

bool has_right_shape(const DirectiveKind& kind, const Directive& directive, Reporter& report) {
  const std::size_t count = directive.values.size();
  if (count < kind.least) {
    report.error(directive.at,
                 concat(kind.name, count == 0 ? " has no value" : " has too few values"),
                 synopsis(kind));
  } else if (kind.most != DirectiveKind::any && count > kind.most) {
    const Value& first = directive.values[kind.most];
    const ForeignWord* foreign =
        kind.word == Word::Bind ? find_foreign("option of an address", first.text) : nullptr;
    report.error(first.at,
                 kind.most == 0 ? concat(kind.name, " takes no value")
                                : concat(kind.name, " has too many values"),
                 foreign ? std::string(foreign->hint) : synopsis(kind));
  } else if (kind.block == Block::Never && directive.has_block) {
    report.error(directive.at, concat(kind.name, " takes no block"), synopsis(kind));
  } else if (kind.block == Block::Must && !directive.has_block) {
    report.error(directive.at, concat(kind.name, " needs a block"),
                 concat("write ", kind.name, " ", kind.arguments, " { ... }"));
  } else {
    return true;
  }
  return false;
}

}  // namespace

std::string read_regex(const Value& value, const Scope& scope) {
  if (scope.checks_filters)
    if (auto compiled = Regex::compile(value.text); !compiled)
      scope.report.error(value.at, compiled.error().text(), "pcre2pattern(3) has the syntax");
  return std::string(value.text);
}

const Place* find_origin(const Origins& origins, std::string_view of) {
  for (const Origin& origin : origins)
    if (origin.of == of) return &origin.place;
  return nullptr;
}

void visit_statements(const std::vector<Directive>& block, Context context, const Scope& scope,
                      Origins& origins, const Visit& visit) {
  for (const Directive& directive : block) {
    const DirectiveKind* kind = find_directive(directive.word, context);
    const bool policies = context == InListener || context == InBackend || context == InRoute;
    if (!kind && policies && is_module_word(directive.word, scope)) kind = &module_policy;
    if (!kind) {
      report_unknown(directive, context, scope);
      continue;
    }
    if (kind->times == Times::Once) {
      if (const Place* first = find_origin(origins, kind->name)) {
        scope.report.error(directive.at, concat("duplicate ", in_quotes(kind->name)),
                           concat("the first one is at ", scope.report.sources().text(*first)));
        continue;
      }
      origins.push_back({kind->name, directive.at});
    }
    if (has_right_shape(*kind, directive, scope.report)) visit(*kind, directive);
  }
}

}  // namespace weir::config
