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

namespace weir::config {

namespace {

constexpr std::array<std::pair<Context, std::string_view>, 11> contexts = {
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
     {InBind, "bind"}}};

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

std::string describe_timeouts() {
  std::string text;
  for (const TimeoutKind& kind : timeout_kinds())
    text += concat("    ", kind.name(), std::string(12 - kind.name().size(), ' '), kind.help, " (",
                   context_names(kind.contexts), "; default ", limit_text(kind.otherwise), ")\n");
  return text;
}

// Also those of modules, which the row does not name.
std::string describe_balancers(const Kinds& others) {
  std::string text;
  for (const BalancerKind& kind : others.balancers) {
    const std::string_view word = kind.word;
    text += concat("    ", word, std::string(word.size() < 15 ? 15 - word.size() : 1, ' '),
                   kind.help, "\n");
  }
  return text;
}

// Words that are no statements: matchers of routes, names of timeouts, variables.
std::string describe_word(std::string_view name) {
  std::string text;
  if (const MatcherKind* kind = find_matcher(name))
    text += concat(name, kind->values == 1 ? " VALUE" : " NAME VALUE", "\n    ", kind->help,
                   "\n    a matcher of route\n");
  for (const TimeoutKind& kind : timeout_kinds())
    if (kind.name() == name)
      text += concat(kind.statement, " TIME | none\n    ", kind.help,
                     "\n    in: ", context_names(kind.contexts),
                     "\n    default: ", limit_text(kind.otherwise), "\n");
  if (name.starts_with('$')) name.remove_prefix(1);
  for (const VariableKind& kind : variable_kinds())
    if (kind.name == name && !kind.name.ends_with('_'))
      text += concat("$", name, "\n    ", kind.help, "\n    a variable of texts\n");
  return text;
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
    if (kind.word == Word::Timeout && (kind.contexts & InCheck) == 0) text += describe_timeouts();
  }
  for (const FilterKind& kind : others.filters) {
    names.emplace_back(kind.word);
    if (kind.word == name && text.empty())
      text = concat(name, " ...\n    ", kind.help,
                    "\n    in: ", context_names(InListener | InBackend | InRoute), "\n");
  }
  text += describe_word(name);
  if (!text.empty()) return {true, text};
  for (const ForeignTable& table : foreign_tables())
    if (const ForeignWord* foreign = find_foreign(table.what, name))
      return {false, concat("no directive ", in_quotes(name), "; ", foreign->hint, "\n")};
  for (const std::string_view word : route_words()) names.push_back(word);
  text = concat("unknown directive ", in_quotes(name));
  if (const auto near = nearest(name, names)) text += concat("; did you mean \"", *near, "\"?");
  return {false, text + "\n"};
}

std::string help_directives(const Kinds& others) {
  constexpr std::size_t width = 18;
  std::string text;
  const auto add = [&](std::string_view name, std::string_view help) {
    const std::size_t pad = name.size() < width ? width - name.size() : 1;
    text += concat(name, std::string(pad, ' '), help, "\n");
  };
  for (const DirectiveKind& kind : directive_kinds()) add(kind.name, kind.help);
  for (const FilterKind& kind : others.filters)
    if (!find_directive(kind.word, any_context)) add(kind.word, kind.help);
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
    out += concat(".It Li $", kind.name, kind.name.ends_with('_') ? "NAME" : "", "\n",
                  mdoc_text(kind.help), "\n");
  return out + ".El\n";
}

}  // namespace weir::config
