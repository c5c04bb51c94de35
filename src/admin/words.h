// SPDX-License-Identifier: Apache-2.0
//
// A request line of the admin socket: words separated by blanks; a word with blanks, quotes or
// backslashes stands in double quotes, with \" \\ \n and \t.  The same form is used in the state file.
#pragma once

#include <weir/result.h>

#include <string>
#include <string_view>
#include <vector>

namespace weir::admin {

/// A line may have so many words.
inline constexpr std::size_t most_words = 256;

/// The words of a line without its end.  Errc::Invalid says what is wrong with it.
Result<std::vector<std::string>> parse_words(std::string_view line);

/// A word so written that parse_words gives it back, whatever bytes it has but NUL.
std::string quote(std::string_view word);

}  // namespace weir::admin
