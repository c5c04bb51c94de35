// SPDX-License-Identifier: Apache-2.0
//
// Text for the manuals, which are written in mdoc.
#pragma once

#include <string>
#include <string_view>

namespace weir {

/// `text` in lines of at most 78 bytes, without the end of the last one.  What mdoc would take for itself (a
/// dot or quote at the beginning of a line, a backslash) is escaped.
std::string mdoc_text(std::string_view text);

}  // namespace weir
