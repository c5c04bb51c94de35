// SPDX-License-Identifier: Apache-2.0
//
// How many bytes parts of a message have as HTTP/1.1 spells them: for counting, whatever is spoken.
#pragma once

#include <weir/message.h>

#include <cstddef>

namespace weir::http {

/// These fields, a line each.
std::size_t fields_size(const Headers& headers);

/// The status line and the empty line of this head.
std::size_t status_line_size(const ResponseHead& head);

/// The last chunk and the empty line, without trailers.
inline constexpr std::size_t last_chunk_size = 5;

}  // namespace weir::http
