// SPDX-License-Identifier: Apache-2.0
//
// Completion of command lines in a shell.  The scripts know the options and nothing else: the words
// of a command are those that `weirctl help --words` prints, one command a line.
#pragma once

#include <string_view>

namespace weir::weirctl {

/// The script for "bash" or "zsh", to be evaluated by it; null for any other shell.
const char* completion(std::string_view shell);

}  // namespace weir::weirctl
