// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter_entry.h"

#include <utility>

namespace weir::proxy {

void FilterEntry::begin(const FilterLink& its_link, std::uint32_t number) {
  const Needs& needs = its_link.needs;
  link = &its_link;
  wishes[0] = {number, needs.request_body, needs.whole_limit, needs.over, needs.trailers};
  wishes[1] = {number, needs.response_body, needs.whole_limit, needs.over, needs.trailers};
}

void FilterEntry::take(FilterEntry& other, const FilterLink& its_link, std::uint32_t number) {
  *this = other;
  other.filter = nullptr;
  link = &its_link;
  for (StageWish& wish : wishes) wish.filter = number;
}

void FilterEntry::go_to(std::size_t backend, Arena& arena) {
  is_away = !link->holds_for(backend);
  if (!is_away && !filter) filter = &link->factory->make(arena);
}

void FilterEntry::finish(StreamView& view, const Outcome& outcome) {
  Filter* const its = std::exchange(filter, nullptr);
  if (its && link->needs.finish) its->on_finish(view, outcome);
}

// Whoever has replaced an answer is not asked what it thinks of the one in its place: it might say the same again, for ever.
bool FilterEntry::hears_of(Direction direction) const {
  return is_called() && (direction == Direction::Request || !has_replaced);
}

// A part of something is nothing to be changed, unless a filter has said that it knows how.
Body FilterEntry::wish(Direction direction, const ResponseHead* response) const {
  if (!hears_of(direction)) return Body::None;
  const Body body = wishes[static_cast<std::size_t>(direction)].body;
  if (direction == Direction::Request || body != Body::Transform || link->needs.ranges) return body;
  return response->status == 206 || response->headers.find("content-range") ? Body::None : body;
}

}  // namespace weir::proxy
