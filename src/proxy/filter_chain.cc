// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter_chain.h"

#include "config/print.h"

namespace weir::proxy {

Result<FilterChain> FilterChain::build(const config::Config& config, const config::Route& route,
                                       FilterFactories& factories) {
  std::vector<FilterLink> links;
  for (const config::Policy& policy : route.policies) {
    auto factory = factories.get(config, policy);
    if (!factory) return factory.error();
    const Needs needs = (*factory)->needs();
    links.push_back({std::move(*factory), needs, policy.word,
                     config::place_text(config, policy.place), policy.backends});
  }
  return FilterChain(std::move(links));
}

}  // namespace weir::proxy
