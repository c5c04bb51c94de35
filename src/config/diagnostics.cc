// SPDX-License-Identifier: Apache-2.0

#include "config/diagnostics.h"

#include "base/text.h"

#include <algorithm>
#include <tuple>

namespace weir::config {

namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// The line as a terminal may show it, and under it blanks of the same width up to the caret.
void write_excerpt(std::string& out, const Diagnostic& diagnostic) {
  std::string below;
  for (std::size_t i = 0; i < diagnostic.line.size(); ++i) {
    const char c = diagnostic.line[i];
    const bool control = (c >= 0 && c < ' ' && c != '\t') || c == '\x7f';
    out.push_back(control ? '?' : c);
    if (i < diagnostic.column && !is_continuation(c)) below.push_back(c == '\t' ? '\t' : ' ');
  }
  out.append("\n").append(below).append("^\n");
}

void write(std::string& out, const Diagnostic& diagnostic) {
  if (!diagnostic.place.empty()) out.append(diagnostic.place).append(": ");
  out.append(diagnostic.severity == Severity::Error ? "error: " : "warning: ");
  out.append(diagnostic.message).append("\n");
  if (!diagnostic.line.empty()) write_excerpt(out, diagnostic);
  if (!diagnostic.hint.empty()) out.append("hint: ").append(diagnostic.hint).append("\n");
}

}  // namespace

void Diagnostics::add(Diagnostic diagnostic) {
  const bool keep = keeps(diagnostic.severity);
  ++(diagnostic.severity == Severity::Error ? errors_ : warnings_);
  if (keep) kept_.push_back(std::move(diagnostic));
}

void Diagnostics::append(const Diagnostics& other) {
  const std::size_t errors = errors_ + other.errors_;
  const std::size_t warnings = warnings_ + other.warnings_;
  for (const Diagnostic& diagnostic : other.kept_) add(diagnostic);
  errors_ = errors;
  warnings_ = warnings;
}

void Diagnostics::sort() {
  std::stable_sort(kept_.begin(), kept_.end(), [](const Diagnostic& a, const Diagnostic& b) {
    return std::tie(a.at.file, a.at.line, a.at.column) <
           std::tie(b.at.file, b.at.line, b.at.column);
  });
}

std::string Diagnostics::text() const {
  std::string out;
  for (const Diagnostic& diagnostic : kept_) write(out, diagnostic);
  if (errors_ > most_kept)
    out += concat("... and ", std::to_string(errors_ - most_kept), " more errors\n");
  if (warnings_ > most_kept)
    out += concat("... and ", std::to_string(warnings_ - most_kept), " more warnings\n");
  return out;
}

}  // namespace weir::config
