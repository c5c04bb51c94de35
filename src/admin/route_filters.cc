// SPDX-License-Identifier: Apache-2.0
#include "admin/route_filters.h"

namespace weir::admin {

std::span<const RouteFilters::Built> RouteFilters::of(const config::Config& config,
                                                      const config::Route& route) {
  const auto [found, is_new] = routes_.try_emplace(&route);
  std::vector<Built>& built = found->second;
  if (!is_new) return built;
  built.reserve(route.policies.size());
  for (const config::Policy& policy : route.policies)
    built.push_back(factories_.get(config, policy));
  return built;
}

}  // namespace weir::admin
