// SPDX-License-Identifier: Apache-2.0
//
// The text of a request's head as it came -> its lines, for those who want to see what a client has sent before weir
// and filters changed it.  Nothing is judged: the head may also be one that was refused, cut off or malformed.
#pragma once

#include <weir/arena.h>
#include <weir/stream.h>

#include <string_view>

namespace weir::http {

/// More fields than that are not told; a head that is served has fewer (HeadLimits).
inline constexpr std::size_t most_received = 1024;

/// Takes the first line off `text`, with its end, which is LF with or without CR before it; without an end everything.
std::string_view take_line(std::string_view& text);

/// The lines of a head (RequestHead::received), up to the empty one or as far as it goes.  The list lies in `arena`, its
/// texts in `head`.
Received read_received(std::string_view head, Arena& arena);

}  // namespace weir::http
