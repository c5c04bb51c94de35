// SPDX-License-Identifier: Apache-2.0
#include "net/outbox.h"

#include <algorithm>
#include <utility>

namespace weir::net {

namespace {

constexpr std::size_t most_waiting = 16;      // sends, so that none waits for long
constexpr std::size_t most_small = 4 * 1024;  // bytes of one

}  // namespace

Gather& Outbox::to(Transport& transport) {
  if (transport.parcel_ == 0) {
    if (open_ == parcels_.size()) parcels_.push_back({nullptr, std::make_unique<Gather>()});
    parcels_[open_].transport = &transport;
    transport.parcel_ = ++open_;
  }
  return *parcels_[transport.parcel_ - 1].gather;
}

void Outbox::flush() {
  for (std::size_t i = 0; i < open_; ++i) {
    Transport& transport = *std::exchange(parcels_[i].transport, nullptr);
    transport.parcel_ = 0;
    if (!parcels_[i].gather->empty()) transport.send(*parcels_[i].gather);
  }
  open_ = 0;
}

void Outbox::release() {
  const auto may_wait = [](const Parcel& parcel) {
    return !parcel.gather->points() && parcel.gather->size() <= most_small;
  };
  const auto end = parcels_.begin() + static_cast<std::ptrdiff_t>(open_);
  if (open_ > most_waiting || !std::all_of(parcels_.begin(), end, may_wait)) flush();
}

void Outbox::forget(Transport& transport) {
  const std::size_t place = std::exchange(transport.parcel_, 0);
  if (place == 0) return;
  parcels_[place - 1].gather->clear();
  if (place < open_) {
    std::swap(parcels_[place - 1], parcels_[open_ - 1]);
    parcels_[place - 1].transport->parcel_ = place;
  }
  parcels_[--open_].transport = nullptr;
}

}  // namespace weir::net
