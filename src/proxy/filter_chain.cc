// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter_chain.h"

#include "config/print.h"
#include "filter/table.h"

namespace weir::proxy {

Result<FilterChain> FilterChain::build(const config::Config& config, const config::Route& route) {
  std::vector<std::unique_ptr<FilterFactory>> factories;
  for (const config::Policy& policy : route.policies) {
    std::string place = config::place_text(config, policy.place);
    const FilterKind* kind = filter::find(policy.word);
    if (!kind) return Error(Errc::NotFound, place + ": unknown policy " + policy.word);
    auto factory = kind->make({policy.word, policy.values, place});
    if (!factory) return factory.error().within(place);
    factories.push_back(std::move(*factory));
  }
  return FilterChain(std::move(factories));
}

Verdict FilterChain::run_request(StreamView& stream) const {
  for (const auto& factory : factories_) {
    Verdict verdict = factory->filter().on_request(stream);
    if (verdict != Verdict::Continue) return verdict;
  }
  return Verdict::Continue;
}

void FilterChain::run_response(StreamView& stream) const {
  for (auto factory = factories_.rbegin(); factory != factories_.rend(); ++factory)
    (void)(*factory)->filter().on_response(stream);
}

}  // namespace weir::proxy
