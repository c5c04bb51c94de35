// SPDX-License-Identifier: Apache-2.0
#include "net/outbox.h"

#include <utility>

namespace weir::net {

Gather& Outbox::to(Transport& transport) {
  for (std::size_t i = 0; i < open_; ++i)
    if (parcels_[i].transport == &transport) return *parcels_[i].gather;
  if (open_ == parcels_.size()) parcels_.push_back({nullptr, std::make_unique<Gather>()});
  parcels_[open_].transport = &transport;
  return *parcels_[open_++].gather;
}

void Outbox::flush() {
  for (std::size_t i = 0; i < open_; ++i) {
    if (!parcels_[i].gather->empty()) parcels_[i].transport->send(*parcels_[i].gather);
    parcels_[i].transport = nullptr;
  }
  open_ = 0;
}

void Outbox::forget(const Transport& transport) {
  for (std::size_t i = 0; i < open_; ++i) {
    if (parcels_[i].transport != &transport) continue;
    parcels_[i].gather->clear();
    std::swap(parcels_[i], parcels_[--open_]);
    parcels_[open_].transport = nullptr;
    return;
  }
}

}  // namespace weir::net
