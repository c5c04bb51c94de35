// SPDX-License-Identifier: Apache-2.0
//
// Regex: a compiled pattern (PCRE2) with limits that keep a hostile subject from costing more than
// a bounded amount of work.  Compile at load, match many times; one thread.
#pragma once

#include <weir/result.h>

#include <array>
#include <memory>
#include <string>
#include <string_view>

namespace weir {

/// What the groups of a match caught; group 0 is the whole match.  Views into the subject.
struct Captures {
  static constexpr std::size_t most = 10;
  std::array<std::string_view, most> group;
  std::size_t count = 0;
};

class Regex {
 public:
  enum class Outcome { Match, NoMatch, LimitExceeded };

  /// Compiles a pattern; Errc::Invalid names the place in the pattern where it is wrong.
  static Result<Regex> compile(std::string_view pattern);

  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;
  ~Regex();

  /// Looks for the pattern in `subject` (bytes, not UTF-8).  Gives up with LimitExceeded after
  /// 100,000 steps.  `captures` may be null.
  Outcome match(std::string_view subject, Captures* captures = nullptr) const;

  const std::string& pattern() const;

 private:
  struct Code;
  explicit Regex(std::unique_ptr<Code> code);
  std::unique_ptr<Code> code_;
};

}  // namespace weir
