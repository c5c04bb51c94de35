// SPDX-License-Identifier: Apache-2.0
//
// The contract's Regex over PCRE2, the only file that includes it.  Patterns come from the operator,
// subjects from strangers: what is bounded is the work per match, not the pattern.
#include <weir/regex.h>

#include "base/assert.h"

#include <algorithm>
#include <utility>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace weir {

namespace {

constexpr std::uint32_t most_steps = 100'000;
constexpr std::uint32_t most_depth = 1'000;     // of nested backtracking
constexpr std::uint32_t most_heap_kib = 1'024;  // for the interpreter's frames

PCRE2_SPTR bytes(std::string_view text) {
  // PCRE2 wants a pointer even for nothing.
  return reinterpret_cast<PCRE2_SPTR>(text.data() ? text.data() : "");
}

}  // namespace

struct Regex::Code {
  std::string pattern;
  pcre2_code* code = nullptr;
  pcre2_match_data* match = nullptr;
  pcre2_match_context* limits = nullptr;

  explicit Code(std::string_view text) : pattern(text) {}
  Code(const Code&) = delete;
  Code& operator=(const Code&) = delete;
  ~Code() {
    pcre2_match_context_free(limits);
    pcre2_match_data_free(match);
    pcre2_code_free(code);
  }
};

Regex::Regex(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

const std::string& Regex::pattern() const { return code_->pattern; }

Result<Regex> Regex::compile(std::string_view pattern) {
  auto made = std::make_unique<Code>(pattern);
  int error = 0;
  PCRE2_SIZE offset = 0;
  // In subjects that are one line, "$" shall mean the end and not also "before a last LF".
  constexpr std::uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP;
  made->code = pcre2_compile(bytes(pattern), pattern.size(), options, &error, &offset, nullptr);
  if (!made->code) {
    PCRE2_UCHAR words[256] = {};
    pcre2_get_error_message(error, words, sizeof(words));
    return Error(Errc::Invalid, "regular expression, at offset " + std::to_string(offset) + ": " +
                                    reinterpret_cast<const char*>(words));
  }
  // Where executable memory is not to be had this fails, and the interpreter does the work.
  pcre2_jit_compile(made->code, PCRE2_JIT_COMPLETE);
  made->match = pcre2_match_data_create(Captures::most, nullptr);
  made->limits = pcre2_match_context_create(nullptr);
  WEIR_ASSERT(made->match && made->limits);
  pcre2_set_match_limit(made->limits, most_steps);
  pcre2_set_depth_limit(made->limits, most_depth);
  pcre2_set_heap_limit(made->limits, most_heap_kib);
  return Regex(std::move(made));
}

Regex::Outcome Regex::match(std::string_view subject, Captures* captures) const {
  const auto run = [&](std::uint32_t options) {
    return pcre2_match(code_->code, bytes(subject), subject.size(), 0, options, code_->match,
                       code_->limits);
  };
  int count = run(0);
  // Compiled code has a small stack; the interpreter uses the heap, up to its limit.
  if (count == PCRE2_ERROR_JIT_STACKLIMIT) count = run(PCRE2_NO_JIT);
  if (count == PCRE2_ERROR_NOMATCH) return Outcome::NoMatch;
  if (count < 0) return Outcome::LimitExceeded;
  if (!captures) return Outcome::Match;

  // 0 means that there are more groups than we have room for.
  captures->count = count == 0 ? Captures::most : static_cast<std::size_t>(count);
  const PCRE2_SIZE* const at = pcre2_get_ovector_pointer(code_->match);
  for (std::size_t i = 0; i < captures->count; ++i) {
    const PCRE2_SIZE begin = at[2 * i];
    const PCRE2_SIZE end = at[2 * i + 1];
    // \K in a lookahead can make a match end before it begins.
    const bool is_text = begin != PCRE2_UNSET && begin <= end;
    captures->group[i] = is_text ? subject.substr(begin, end - begin) : std::string_view();
  }
  return Outcome::Match;
}

}  // namespace weir
