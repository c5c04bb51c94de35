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
  Refused,  ///< on_request, of a request that weir refuses
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
  Filter* filter = nullptr;  ///< null: not made yet, told the end, or it goes on in another entry
  StageWish wishes[2];
  std::optional<std::uint64_t> length[2];
  bool has_run = false;
  bool is_out = false;  ///< it broke the contract, or waited for too long: only the end is told it
  bool has_replaced = false;  ///< an answer, or had it refused: it is shown none after that one
  bool is_away = true;        ///< it does not hold for the backend that the request goes to

  /// Stands for `its_link`, which outlives this; it is the number-th.
  void begin(const FilterLink& its_link, std::uint32_t number);
  /// Takes over a filter that stands in another route's chain as well.
  void take(FilterEntry& other, const FilterLink& its_link, std::uint32_t number);
  /// The request goes to that backend of the chain: makes the filter if it holds there and is not made yet.
  void go_to(std::size_t backend, Arena& arena);
  /// The last call; none if there was one.
  void finish(StreamView& view, const Outcome& outcome);

  /// It is called at all, but for the end.
  bool is_called() const { return !is_away && !is_out; }
  bool hears_of(Direction direction) const;
  /// What it wants to see of a body; that of an answer belongs to `response`.
  Body wish(Direction direction, const ResponseHead* response) const;
};

}  // namespace weir::proxy
