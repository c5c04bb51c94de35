// SPDX-License-Identifier: Apache-2.0
//
// FilterEntry: one filter of one stream: where it stands, what it wants to see, and what it is no longer called for.
#pragma once

#include "proxy/body_pipe.h"
#include "proxy/filter_chain.h"

#include <cstdint>
#include <optional>

namespace weir::proxy {

/// What a filter is called for.
enum class Callback : std::uint8_t {
  Request,
  RequestBody,
  RequestEnd,
  Response,
  ResponseBody,
  ResponseEnd
};

inline Direction direction_of(Callback callback) {
  return callback < Callback::Response ? Direction::Request : Direction::Response;
}

/// Trivially destructible, for arenas.
struct FilterEntry {
  const FilterLink* link = nullptr;
  Filter* filter = nullptr;  ///< null: it was told the end, or goes on in another entry
  StageWish wishes[2];
  std::optional<std::uint64_t> length[2];
  bool has_run = false;
  bool is_out = false;  ///< it broke the contract, or waited for too long: only the end is told it
  bool has_replaced = false;  ///< an answer, or had it refused: it is shown none after that one

  /// Makes the filter that `link`, which outlives this, stands for; it is the number-th.
  void begin(const FilterLink& its_link, Arena& arena, std::uint32_t number);
  /// Takes over a filter that stands in another route's chain as well.
  void take(FilterEntry& other, const FilterLink& its_link, std::uint32_t number);
  /// The last call; none if there was one.
  void finish(StreamView& view, const Outcome& outcome);

  bool hears_of(Direction direction) const;
  /// What it wants to see of a body; that of an answer belongs to `response`.
  Body wish(Direction direction, const ResponseHead* response) const;
};

}  // namespace weir::proxy
