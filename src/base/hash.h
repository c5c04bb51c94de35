// SPDX-License-Identifier: Apache-2.0
//
// A fast hash for tables whose keys come from the operator (xxHash).  Not for tables that a peer can
// fill: it could choose colliding keys.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

/// 64 bits that depend on all of `text` and on `seed`.
std::uint64_t fast_hash(std::string_view text, std::uint64_t seed = 0);

}  // namespace weir
