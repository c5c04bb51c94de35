// SPDX-License-Identifier: Apache-2.0
//
// Matchers of routes: their words, and what their values may be.  A value that could never match,
// because requests are normalised before they are matched, is refused here.
#pragma once

#include "config/config.h"
#include "config/lexer.h"
#include "config/statements.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace weir::config {

struct MatcherKind {
  std::string_view word;
  Match match;
  std::uint8_t values;    ///< how many follow the word
  std::string_view help;  ///< one sentence
};

/// The matcher with this word, or null.
const MatcherKind* find_matcher(std::string_view word);

/// The row of a kind.
const MatcherKind& matcher_kind(Match match);

/// Words of matchers, actions and `not`, those of later versions included: no route has such a name.
bool is_route_word(std::string_view word);

/// Those that this version understands, for suggestions.
std::span<const std::string_view> route_words();

/// A matcher out of its values; what is wrong is reported.  As many values as its kind says.
Matcher build_matcher(const MatcherKind& kind, std::span<const Value> values, const Scope& scope);

}  // namespace weir::config
