// SPDX-License-Identifier: Apache-2.0
//
// The table of directives as people read it: `weir help`, and the lists of weir.conf(5).
#include "base/text.h"
#include "config/schema.h"
#include "config/variables.h"

#include <algorithm>
#include <array>
#include <utility>

namespace weir::config {

namespace {

constexpr std::array<std::pair<Context, std::string_view>, 9> contexts = {
    {{InMain, "main"},
     {InListener, "listener"},
     {InBackend, "backend"},
     {InRoute, "route"},
     {InCheck, "check"},
     {InOutlier, "outlier"},
     {InAdmin, "admin"},
     {InListenerTls, "tls of a listener"},
     {InBackendTls, "tls of a backend"}}};

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
  if (!kind.otherwise.empty()) text += concat("    default: ", kind.otherwise, "\n");
  if (kind.times == Times::Many) text += "    may be repeated\n";
  return text;
}

std::string describe_timeouts() {
  std::string text;
  for (const TimeoutKind& kind : timeout_kinds())
    text += concat("    ", kind.name(), std::string(12 - kind.name().size(), ' '), kind.help, " (",
                   context_names(kind.contexts), "; default ", kind.otherwise, ")\n");
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
    const bool argument = word.size() > 0 && word.front() >= 'A' && word.front() <= 'Z';
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

// Lines of at most 78 bytes.  mdoc takes a line that begins with a dot or a quote, and a backslash,
// for itself.
std::string mdoc_text(std::string_view text) {
  constexpr std::size_t widest = 78;
  std::string out, line;
  for (const std::string_view word : split(text, ' ')) {
    if (!line.empty() && line.size() + 1 + word.size() > widest) {
      out.append(line).append("\n");
      line.clear();
    }
    if (!line.empty())
      line += ' ';
    else if (word.starts_with('.') || word.starts_with('\''))
      line += "\\&";
    for (const char c : word) c == '\\' ? line.append("\\e") : line.append(1, c);
  }
  return out + line;
}

void mdoc_entry(std::string& out, const DirectiveKind& kind) {
  out += concat(".It Ic ", kind.name, mdoc_synopsis(kind.arguments));
  if (kind.block != Block::Never) out += kind.block == Block::May ? " Op Brq ..." : " Brq ...";
  out +=
      concat("\n", mdoc_text(kind.help), "\n.br\nStands in: ", context_names(kind.contexts), ".\n");
  if (kind.times == Times::Many) out += "May be repeated.\n";
  if (!kind.otherwise.empty()) out += concat("Default: ", mdoc_text(kind.otherwise), ".\n");
}

}  // namespace

std::string help_directive(std::string_view name, std::span<const FilterKind> filters) {
  std::string text;
  std::vector<std::string_view> names;
  for (const DirectiveKind& kind : directive_kinds()) {
    names.push_back(kind.name);
    if (kind.name == name) text += describe(kind);
  }
  if (name == "timeout") text += describe_timeouts();
  for (const FilterKind& kind : filters) {
    names.emplace_back(kind.word);
    if (kind.word == name && text.empty())
      text = concat(name, " ...\n    ", kind.help,
                    "\n    in: ", context_names(InListener | InBackend | InRoute), "\n");
  }
  if (!text.empty()) return text;
  text = concat("unknown directive ", in_quotes(name));
  if (const auto near = nearest(name, names)) text += concat("; did you mean \"", *near, "\"?");
  return text + "\n";
}

std::string help_directives(std::span<const FilterKind> filters) {
  constexpr std::size_t width = 18;
  std::string text;
  const auto add = [&](std::string_view name, std::string_view help) {
    const std::size_t pad = name.size() < width ? width - name.size() : 1;
    text += concat(name, std::string(pad, ' '), help, "\n");
  };
  for (const DirectiveKind& kind : directive_kinds()) add(kind.name, kind.help);
  for (const FilterKind& kind : filters)
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
                                   kind.otherwise, ".")),
                  "\n");
  out += ".El\n.Ss Variables\n.Bl -tag -width Ds\n";
  for (const VariableKind& kind : variable_kinds())
    out += concat(".It Li $", kind.name, kind.name.ends_with('_') ? "NAME" : "", "\n",
                  mdoc_text(kind.help), "\n");
  return out + ".El\n";
}

}  // namespace weir::config
