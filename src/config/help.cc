// SPDX-License-Identifier: Apache-2.0
//
// The table of directives as people read it: `weir help`, and the lists of weir.conf(5).
#include "base/mdoc.h"
#include "base/text.h"
#include "config/foreign.h"
#include "config/matchers.h"
#include "config/properties.h"
#include "config/schema.h"
#include "config/units.h"
#include "config/variables.h"

#include <algorithm>
#include <array>
#include <utility>
#include <vector>

namespace weir::config {

namespace {

constexpr std::array<std::pair<Context, std::string_view>, 12> contexts = {
    {{InMain, "main"},
     {InListener, "listener"},
     {InBackend, "backend"},
     {InRoute, "route"},
     {InCheck, "check"},
     {InOutlier, "outlier"},
     {InAdmin, "admin"},
     {InListenerTls, "tls of a listener"},
     {InBackendTls, "tls of a backend"},
     {InTrustedProxies, "trusted_proxies"},
     {InBind, "bind"},
     {InPipeline, "pipeline"}}};

std::string context_names(std::uint16_t set) {
  std::string names;
  for (const auto& [context, name] : contexts)
    if ((set & context) != 0) names.append(names.empty() ? "" : ", ").append(name);
  return names;
}

std::string describe(const DirectiveKind& kind) {
  std::string text = concat(kind.name, kind.arguments.empty() ? "" : " ", kind.arguments,
                            kind.block == Block::Never ? ""
                            : kind.block == Block::May ? " [{ ... }]"
                                                       : " { ... }",
                            "\n    ", kind.help, "\n    in: ", context_names(kind.contexts), "\n");
  if (const std::string value = default_text(kind); !value.empty())
    text += concat("    default: ", value, "\n");
  if (kind.times == Times::Many) text += "    may be repeated\n";
  return text;
}

// A line of a list: what is meant, and what it does.
std::string row(std::string_view name, std::string_view help, std::size_t width,
                std::string_view before = "") {
  const std::size_t pad = name.size() < width ? width - name.size() : 1;
  return concat(before, name, std::string(pad, ' '), help, "\n");
}

std::string describe_timeouts(std::string_view before) {
  std::string text;
  for (const TimeoutKind& kind : timeout_kinds())
    text += row(kind.name(),
                concat(kind.help, " (", context_names(kind.contexts), "; default ",
                       limit_text(kind.otherwise), ")"),
                12, before);
  return text;
}

// Also those of modules, which the row does not name.
std::string describe_balancers(const Kinds& others) {
  std::string text;
  for (const BalancerKind& kind : others.balancers) {
    const std::string_view word = kind.word;
    text += row(word, kind.help, 15, "    ");
  }
  return text;
}

std::string synopsis(const MatcherKind& kind) {
  return concat(kind.word, kind.values == 1 ? " VALUE" : " NAME VALUE");
}

std::string describe_matcher(std::string_view name) {
  const MatcherKind* kind = find_matcher(name);
  return kind ? concat(synopsis(*kind), "\n    ", kind->help, "\n    a matcher of route\n") : "";
}

std::string describe_timeout(std::string_view name) {
  std::string text;
  for (const TimeoutKind& kind : timeout_kinds())
    if (kind.name() == name)
      text += concat(kind.statement, " TIME | none\n    ", kind.help,
                     "\n    in: ", context_names(kind.contexts),
                     "\n    default: ", limit_text(kind.otherwise), "\n");
  return text;
}

// As it is written: "$host", "$header_NAME".
std::string written(const VariableKind& kind) {
  return concat("$", kind.name, kind.name.ends_with('_') ? "NAME" : "");
}

std::string describe_variable(std::string_view name) {
  if (name.starts_with('$')) name.remove_prefix(1);
  const VariableKind* kind = find_variable(name);
  return kind ? concat(written(*kind), "\n    ", kind->help, "\n    a variable of texts\n") : "";
}

std::string list_matchers() {
  std::string text;
  for (const std::string_view word : route_words())
    if (const MatcherKind* kind = find_matcher(word)) text += row(synopsis(*kind), kind->help, 24);
  return text;
}

std::string list_variables() {
  std::string text;
  for (const VariableKind& kind : variable_kinds()) text += row(written(kind), kind.help, 26);
  return text;
}

std::string list_timeouts() { return describe_timeouts(""); }

/// Words that are no statements, and stand in texts and in the statements of routes and timeouts.
struct WordKind {
  std::string_view name, plural;
  std::string (*describe)(std::string_view name);  ///< empty if there is none of that name
  std::string (*list)();
};
constexpr WordKind word_kinds[] = {{"matcher", "matchers", describe_matcher, list_matchers},
                                   {"timeout", "timeouts", describe_timeout, list_timeouts},
                                   {"variable", "variables", describe_variable, list_variables}};

// Their names, for hints.
std::vector<std::string_view> names_of(const WordKind& of) {
  std::vector<std::string_view> names;
  if (of.name == "matcher")
    for (const std::string_view word : route_words())
      if (find_matcher(word)) names.push_back(word);
  if (of.name == "timeout")
    for (const TimeoutKind& kind : timeout_kinds()) names.push_back(kind.name());
  if (of.name == "variable")
    for (const VariableKind& kind : variable_kinds()) names.push_back(kind.name);
  return names;
}

// The start of each list entry in mdoc: words in capitals are arguments, brackets options, the rest
// literal.
std::string mdoc_synopsis(std::string_view arguments) {
  std::string out;
  for (std::string_view word : split(arguments, ' ')) {
    if (word.empty()) continue;
    std::string tail;
    for (; word.starts_with('['); word.remove_prefix(1)) out += " Oo";
    for (; word.ends_with(']') && word.find('[') == std::string_view::npos; word.remove_suffix(1))
      tail += " Oc";
    const bool argument = !word.empty() && is_upper(word.front());
    if (word == "|")
      out += " |";
    else if (word == "...")
      out += " No ...";
    else if (!word.empty())
      out += concat(argument ? " Ar " : " Cm ", word);
    out += tail;
  }
  return out;
}

void mdoc_entry(std::string& out, const DirectiveKind& kind) {
  out += concat(".It Ic ", kind.name, mdoc_synopsis(kind.arguments));
  if (kind.block != Block::Never) out += kind.block == Block::May ? " Op Brq ..." : " Brq ...";
  out +=
      concat("\n", mdoc_text(kind.help), "\n.br\nStands in: ", context_names(kind.contexts), ".\n");
  if (kind.times == Times::Many) out += "May be repeated.\n";
  if (const std::string value = default_text(kind); !value.empty())
    out += concat("Default: ", mdoc_text(value), ".\n");
}

}  // namespace

std::string default_text(const DirectiveKind& kind) {
  if (!kind.otherwise.empty()) return std::string(kind.otherwise);
  for (const auto& [context, name] : contexts) {
    if ((kind.contexts & context) == 0) continue;
    for (const Property& property : defaults(context))
      if (property.name == kind.name) return property.value;
  }
  return {};
}

Help help_directive(std::string_view name, const Kinds& others) {
  std::string text;
  std::vector<std::string_view> names;
  for (const DirectiveKind& kind : directive_kinds()) {
    names.push_back(kind.name);
    if (kind.name != name) continue;
    text += describe(kind);
    if (kind.word == Word::Balance) text += describe_balancers(others);
    // Its names stand in the table of timeouts; those of a check are no part of it.
    if (kind.word == Word::Timeout && (kind.contexts & InCheck) == 0)
      text += describe_timeouts("    ");
  }
  for (const FilterKind& kind : others.filters) {
    names.emplace_back(kind.word);
    if (kind.word == name && text.empty())
      text = concat(name, " ...\n    ", kind.help,
                    "\n    in: ", context_names(InListener | InBackend | InRoute), "\n");
  }
  for (const WordKind& kind : word_kinds) text += kind.describe(name);
  if (!text.empty()) return {true, text};
  for (const ForeignTable& table : foreign_tables())
    if (const ForeignWord* foreign = find_foreign(table.what, name))
      return {false, concat("no directive ", in_quotes(name), "; ", foreign->hint, "\n")};
  for (const std::string_view word : route_words()) names.push_back(word);
  text = concat("unknown directive ", in_quotes(name));
  if (const auto near = nearest(name, names)) text += concat("; did you mean \"", *near, "\"?");
  return {false, text + "\n"};
}

std::optional<Help> help_word(std::string_view kind, std::string_view name, const Kinds& others) {
  if (kind == "directive") return help_directive(name, others);
  for (const WordKind& each : word_kinds) {
    if (each.name != kind) continue;
    std::string text = each.describe(name);
    if (!text.empty()) return Help{true, std::move(text)};
    text = concat("unknown ", kind, " ", in_quotes(name));
    if (const auto near = nearest(name, names_of(each)))
      text += concat("; did you mean \"", *near, "\"?");
    else
      text += concat("; see weir help ", each.plural);
    return Help{false, text + "\n"};
  }
  return std::nullopt;
}

std::optional<std::string> help_list(std::string_view plural, const Kinds& others) {
  if (plural == "directives") return help_directives(others);
  for (const WordKind& each : word_kinds)
    if (each.plural == plural) return each.list();
  return std::nullopt;
}

std::string help_directives(const Kinds& others) {
  constexpr std::size_t width = 18;
  std::string text;
  for (const DirectiveKind& kind : directive_kinds()) text += row(kind.name, kind.help, width);
  for (const FilterKind& kind : others.filters)
    if (!find_directive(kind.word, any_context)) text += row(kind.word, kind.help, width);
  return text;
}

std::string help_directives_mdoc() {
  std::string out = ".Ss Directives\n.Bl -tag -width Ds\n";
  for (const DirectiveKind& kind : directive_kinds()) mdoc_entry(out, kind);
  out += ".El\n.Ss Timeouts\n.Bl -tag -width first_byte\n";
  for (const TimeoutKind& kind : timeout_kinds())
    out += concat(".It Cm ", kind.name(), "\n",
                  mdoc_text(concat(kind.help, "; in: ", context_names(kind.contexts), "; default ",
                                   limit_text(kind.otherwise), ".")),
                  "\n");
  out += ".El\n.Ss Variables\n.Bl -tag -width Ds\n";
  for (const VariableKind& kind : variable_kinds())
    out += concat(".It Li ", written(kind), "\n", mdoc_text(kind.help), "\n");
  return out + ".El\n";
}

}  // namespace weir::config
