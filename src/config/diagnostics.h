// SPDX-License-Identifier: Apache-2.0
//
// Diagnostics: everything that is wrong with a configuration, said in a way that lets the operator
// mend it without another look at the manual: where, the line itself, a caret, and a hint.
#pragma once

#include "config/config.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace weir::config {

enum class Severity : std::uint8_t { Error, Warning };

struct Diagnostic {
  Severity severity = Severity::Error;
  std::string place;  ///< "weir.conf:12:9"; empty if it belongs to no line
  std::string
      line;  ///< the line of text, or the part of a long one around the mistake; empty = it is not shown
  std::uint32_t column = 0;  ///< byte of `line`, from 0, where the caret goes
  std::string message;
  std::string hint;  ///< may be empty
  Place at;          ///< for sorting
};

class Diagnostics {
 public:
  /// So many of each severity are kept; of more, only the number is told.
  static constexpr std::size_t most_kept = 500;

  /// True if one more of this kind will be kept; ask before composing an expensive hint.
  bool keeps(Severity severity) const { return count(severity) < most_kept; }

  void add(Diagnostic diagnostic);

  /// Adds all of another one, those that it did not keep as numbers.
  void append(const Diagnostics& other);

  bool has_errors() const { return errors_ > 0; }
  std::size_t count(Severity severity) const {
    return severity == Severity::Error ? errors_ : warnings_;
  }
  const std::vector<Diagnostic>& all() const { return kept_; }

  /// Brings them into the order of the files.
  void sort();

  /// All of them, as a person reads them:
  ///
  ///     weir.conf:12:9: error: unknown balance method "leastconn"
  ///         balance leastconn
  ///                 ^
  ///     hint: did you mean "least_request"?
  std::string text() const;

 private:
  std::vector<Diagnostic> kept_;
  std::size_t errors_ = 0;
  std::size_t warnings_ = 0;
};

}  // namespace weir::config
