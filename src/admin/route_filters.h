// SPDX-License-Identifier: Apache-2.0
//
// RouteFilters: the factories of the policies of routes that somebody has asked about.  Workers have them of all routes, control
// of none until it is asked.
#pragma once

#include <weir/filter.h>

#include "config/config.h"
#include "proxy/filter_factories.h"

#include <cstddef>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

namespace weir::admin {

/// Of one configuration, which outlives it.
class RouteFilters {
 public:
  /// An error tells why there is none, with its place.
  using Built = Result<std::shared_ptr<const FilterFactory>>;

  /// One for each policy that holds on the route, in order.  Built by the first call for that route, and kept.
  std::span<const Built> of(const config::Config& config, const config::Route& route);

  /// Of so many routes.
  std::size_t size() const { return routes_.size(); }

 private:
  proxy::FilterFactories factories_;
  std::unordered_map<const config::Route*, std::vector<Built>> routes_;
};

}  // namespace weir::admin
