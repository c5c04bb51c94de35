// SPDX-License-Identifier: Apache-2.0
#include "proxy/filter_chain.h"

#include "config/print.h"

namespace weir::proxy {

Result<FilterChain> FilterChain::build(const config::Config& config, const config::Route& route,
                                       FilterFactories& factories) {
  std::vector<FilterLink> links;
  for (const config::Policy& policy : route.policies) {
    auto used = factories.get(config, policy);
    if (!used) return used.error();
    const Needs needs = used->factory->needs();
    links.push_back({std::move(used->factory), needs, policy.word,
                     config::place_text(config, policy.place), policy.backends,
                     std::move(used->use)});
  }
  return FilterChain(std::move(links));
}

}  // namespace weir::proxy
