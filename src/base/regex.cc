// SPDX-License-Identifier: Apache-2.0
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include <weir/regex.h>

namespace weir {

namespace {
constexpr std::uint32_t most_steps = 100'000;
constexpr std::uint32_t most_depth = 1'000;
}  // namespace

struct Regex::Code {
  pcre2_code* code = nullptr;
  pcre2_match_data* match = nullptr;
  pcre2_match_context* limits = nullptr;
  std::string pattern;
  ~Code() {
    pcre2_code_free(code);
    pcre2_match_data_free(match);
    pcre2_match_context_free(limits);
  }
};

Regex::Regex(std::unique_ptr<Code> code) : code_(std::move(code)) {}
Regex::Regex(Regex&&) noexcept = default;
Regex& Regex::operator=(Regex&&) noexcept = default;
Regex::~Regex() = default;

const std::string& Regex::pattern() const { return code_->pattern; }

Result<Regex> Regex::compile(std::string_view pattern) {
  auto code = std::make_unique<Code>();
  code->pattern = pattern;
  int error = 0;
  PCRE2_SIZE offset = 0;
  code->code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(pattern.data()), pattern.size(), PCRE2_DOLLAR_ENDONLY, &error,
                             &offset, nullptr);
  if (!code->code) {
    PCRE2_UCHAR words[256];
    pcre2_get_error_message(error, words, sizeof(words));
    return Error(Errc::Invalid, "at offset " + std::to_string(offset) + ": " + reinterpret_cast<char*>(words));
  }
  // Without executable memory (`jit off`) this fails, and the interpreter does the work.
  (void)pcre2_jit_compile(code->code, PCRE2_JIT_COMPLETE);
  code->match = pcre2_match_data_create_from_pattern(code->code, nullptr);
  code->limits = pcre2_match_context_create(nullptr);
  pcre2_set_match_limit(code->limits, most_steps);
  pcre2_set_depth_limit(code->limits, most_depth);
  return Regex(std::move(code));
}

Regex::Outcome Regex::match(std::string_view subject, Captures* captures) const {
  int count = pcre2_match(code_->code, reinterpret_cast<PCRE2_SPTR>(subject.data()), subject.size(), 0, 0,
                          code_->match, code_->limits);
  if (count == PCRE2_ERROR_NOMATCH) return Outcome::NoMatch;
  if (count < 0) return Outcome::LimitExceeded;
  if (captures) {
    const PCRE2_SIZE* at = pcre2_get_ovector_pointer(code_->match);
    captures->count = std::min<std::size_t>(static_cast<std::size_t>(count), Captures::most);
    for (std::size_t i = 0; i < captures->count; ++i) {
      bool unset = at[2 * i] == PCRE2_UNSET;
      captures->group[i] = unset ? std::string_view() : subject.substr(at[2 * i], at[2 * i + 1] - at[2 * i]);
    }
  }
  return Outcome::Match;
}

}  // namespace weir
