// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter_services.h"

#include "proxy/context.h"
#include "proxy/service_run.h"

#include <unordered_map>
#include <utility>

namespace weir::proxy {

namespace {

// Whoever lets go of a factory last, a stream or the builder's thread, pays nothing for it.
constexpr std::uint64_t look_us = 50'000;

}  // namespace

FilterServices::FilterServices(Context& context) : context_(context), look_(*this) {}

FilterServices::~FilterServices() = default;

void FilterServices::adopt(std::span<const ServiceEntry> present) {
  std::unordered_map<const FilterFactory*, ServiceRun*> known;
  for (const auto& run : runs_) known.emplace(&run->factory(), run.get());
  for (const ServiceEntry& entry : present) {
    auto found = known.find(entry.use->factory().get());
    if (found != known.end()) {
      found->second->move_to(entry.place);
      known.erase(found);
      continue;
    }
    runs_.push_back(std::make_unique<ServiceRun>(context_, entry));
    runs_.back()->start();
  }
  leaving_ = known.size();
  if (leaving_ == 0 || look_.at() == 0) look_later();
}

void FilterServices::look_later() {
  look_.set(context_.net.loop, leaving_ > 0 ? context_.net.loop.now() + look_us : 0);
}

void FilterServices::on_deadline() noexcept {
  leaving_ -= std::erase_if(runs_, [](const auto& run) {
    if (!run->is_unused()) return false;
    run->retire();
    return true;
  });
  look_later();
}

void FilterServices::end() {
  for (const auto& run : std::exchange(runs_, {})) run->retire();
  leaving_ = 0;
  look_later();
}

}  // namespace weir::proxy
