// SPDX-License-Identifier: Apache-2.0
//
// FilterChain: the filters of one route, in written order: the listener's, then its own.  Compiled at load: what each of them
// needs is known, so that what none of them needs costs a test of a flag.
#pragma once

#include <weir/filter.h>

#include "config/config.h"
#include "proxy/filter_factories.h"

#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weir::proxy {

/// One place in a chain.
struct FilterLink {
  std::shared_ptr<const FilterFactory> factory;
  Needs needs;
  std::string word;   ///< of the statement
  std::string place;  ///< where it stands
};

class FilterChain {
 public:
  FilterChain() = default;
  explicit FilterChain(std::vector<FilterLink> links) : links_(std::move(links)) {}

  /// Of a route's policies; errors name their place.
  static Result<FilterChain> build(const config::Config& config, const config::Route& route,
                                   FilterFactories& factories);

  bool empty() const { return links_.empty(); }
  std::span<const FilterLink> links() const { return links_; }

 private:
  std::vector<FilterLink> links_;
};

}  // namespace weir::proxy
