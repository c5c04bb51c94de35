// SPDX-License-Identifier: Apache-2.0
//
// Texts as values of the language: so written that they are read as the same text again.
#pragma once

#include <string>
#include <string_view>

namespace weir::config {

/// A bare word where that is possible, else in double quotes.
std::string quoted(std::string_view text);

/// A text that is ready for parse_template, always in double quotes: a doubled dollar was an escaped one.
std::string quoted_template(std::string_view text);

}  // namespace weir::config
