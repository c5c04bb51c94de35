// SPDX-License-Identifier: Apache-2.0
//
// Texts for people: answers and tables that an operator reads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace weir {

/// Says that there is no WHAT of that name, and what was probably meant: the nearest candidate, else all of
/// them if they are few.
std::string unknown_word(std::string_view what, std::string_view word,
                         const std::vector<std::string_view>& candidates);

/// Appends `text` with controls, and bytes that are not ASCII, as \xHH, so that it is one line.  Quotes and
/// backslashes stay, so this cannot be undone: for eyes, not for programs.
void append_shown(std::string& out, std::string_view text);

}  // namespace weir
