// SPDX-License-Identifier: Apache-2.0
#include "admin/route_filters.h"

#include <utility>

namespace weir::admin {

std::span<const RouteFilters::Built> RouteFilters::of(const config::Config& config,
                                                      const config::Route& route) {
  const auto [found, is_new] = routes_.try_emplace(&route);
  std::vector<Built>& built = found->second;
  if (!is_new) return built;
  built.reserve(route.policies.size());
  for (const config::Policy& policy : route.policies) {
    auto used = factories_.get(config, policy);
    built.push_back(used ? Built(std::move(used->factory)) : Built(used.error()));
  }
  return built;
}

}  // namespace weir::admin
