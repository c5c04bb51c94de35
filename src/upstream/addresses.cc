// SPDX-License-Identifier: Apache-2.0
#include "upstream/addresses.h"

#include "upstream/address_set.h"

#include <algorithm>

namespace weir::upstream {

bool Addresses::apply(const shm::AddressSet& set) {
  std::vector<Place> next;
  next.reserve(set.count);
  bool has_changed = set.count != places_.size();
  for (std::size_t i = 0; i < set.count; ++i) {
    const net::Address address = address_of(set, i);
    auto known = std::find_if(places_.begin(), places_.end(),
                              [&](const Place& place) { return place.address == address; });
    const bool is_new = known == places_.end();
    has_changed |= is_new;
    next.push_back(is_new ? Place{address, ++last_number_} : *known);
  }
  if (has_changed) places_ = std::move(next);
  return has_changed;
}

void Addresses::renumber() {
  for (Place& place : places_) place.number = ++last_number_;
}

std::string Addresses::text() const {
  std::string text;
  for (const Place& place : places_) text += (text.empty() ? "" : ", ") + place.address.text();
  return text;
}

const net::Address* Addresses::next(Dial& dial, std::uint64_t now) {
  const auto count = static_cast<std::uint32_t>(places_.size());
  if (dial.tried == 0 && count > 1) turn_ = (turn_ + 1) % count;
  std::uint32_t best = count;
  std::uint64_t least = UINT64_MAX;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t at = (turn_ + i) % count;
    const std::uint64_t until = places_[at].avoid_until > now ? places_[at].avoid_until : 0;
    if ((dial.tried >> at & 1) != 0 || until >= least) continue;
    best = at;
    least = until;
  }
  if (best == count) return nullptr;
  dial.tried = static_cast<std::uint16_t>(dial.tried | 1U << best);
  dial.address = places_[best].number;
  return &places_[best].address;
}

std::size_t Addresses::left(const Dial& dial) const {
  std::size_t count = 0;
  for (std::size_t i = 0; i < places_.size(); ++i) count += (dial.tried >> i & 1) == 0;
  return count;
}

const net::Address* Addresses::note_failed(const Dial& dial, std::uint64_t now) {
  for (Place& place : places_) {
    if (place.number != dial.address) continue;
    const bool is_new = place.avoid_until <= now;
    place.avoid_until = now + avoid_us;
    return is_new ? &place.address : nullptr;
  }
  return nullptr;
}

const net::Address* Addresses::find(std::uint32_t number) const {
  for (const Place& place : places_)
    if (place.number == number) return &place.address;
  return nullptr;
}

}  // namespace weir::upstream
