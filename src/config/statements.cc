// SPDX-License-Identifier: Apache-2.0
#include "config/statements.h"

#include "base/text.h"

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

std::string_view context_name(std::uint16_t contexts) {
  if (contexts & InMain) return "the main level of the file";
  if (contexts & InListener) return "a listener";
  if (contexts & InBackend) return "a backend";
  if (contexts & InCheck) return "a check";
  if (contexts & InOutlier) return "an outlier block";
  if (contexts & InAdmin) return "an admin block";
  if (contexts & InListenerTls) return "the tls block of a listener";
  if (contexts & InBackendTls) return "the tls block of a backend";
  return "a route";
}

bool is_module_word(std::string_view word, const Scope& scope) {
  return std::any_of(scope.filters.begin(), scope.filters.end(),
                     [word](const FilterKind& kind) { return word == kind.word; });
}

void report_unknown(const Directive& directive, Context context, const Scope& scope) {
  if (const DirectiveKind* elsewhere = find_directive(directive.word, any_context)) {
    scope.report.error(
        directive.at, concat(in_quotes(directive.word), " cannot stand in ", context_name(context)),
        concat("it belongs in ", context_name(elsewhere->contexts)));
    return;
  }
  std::vector<std::string_view> names;
  for (const DirectiveKind& kind : directive_kinds())
    if (kind.contexts & context) names.push_back(kind.name);
  if (context == InListener || context == InBackend || context == InRoute)
    for (const FilterKind& kind : scope.filters) names.emplace_back(kind.word);
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
    report.error(directive.values[kind.most].at,
                 kind.most == 0 ? concat(kind.name, " takes no value")
                                : concat(kind.name, " has too many values"),
                 synopsis(kind));
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
        scope.report.error(directive.at, concat(in_quotes(kind->name), " stands twice"),
                           concat("the first one is at ", scope.report.sources().text(*first)));
        continue;
      }
      origins.push_back({kind->name, directive.at});
    }
    if (has_right_shape(*kind, directive, scope.report)) visit(*kind, directive);
  }
}

}  // namespace weir::config
