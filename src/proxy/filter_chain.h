// SPDX-License-Identifier: Apache-2.0
//
// FilterChain: the filters of one route, in written order: the listener's, then those of the backend that it names and of
// each fallback of that, then its own.  Each link knows for which of these backends it holds.  Compiled at load: what each of
// them needs is known, so that what none of them needs costs a test of a flag.
#pragma once

#include <weir/filter.h>

#include "config/config.h"
#include "proxy/factory_use.h"
#include "proxy/filter_factories.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
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
  std::string word;                         ///< of the statement
  std::string place;                        ///< where it stands
  std::uint16_t backends = 1;               ///< as config::Policy::backends
  std::shared_ptr<const FactoryUse> use{};  ///< null if the factory has no service

  /// `backend`: its position, 0 for the one that the route names.
  bool holds_for(std::size_t backend) const { return (backends >> backend & 1U) != 0; }
  bool holds_behind(std::size_t backend) const { return backends >> backend > 1; }
};

class FilterChain {
 public:
  FilterChain() = default;
  explicit FilterChain(std::vector<FilterLink> links) : links_(std::move(links)) {
    for (const FilterLink& link : links_) backends_ |= link.backends;
  }

  /// Of a route's policies; errors name their place.
  static Result<FilterChain> build(const config::Config& config, const config::Route& route,
                                   FilterFactories& factories);

  /// Some of it holds for that backend.
  bool has_some_for(std::size_t backend) const { return (backends_ >> backend & 1U) != 0; }
  /// Other links hold for the one than for the other.
  bool differs(std::size_t backend, std::size_t other) const {
    return std::any_of(links_.begin(), links_.end(), [&](const FilterLink& link) {
      return link.holds_for(backend) != link.holds_for(other);
    });
  }
  std::span<const FilterLink> links() const { return links_; }

 private:
  std::vector<FilterLink> links_;
  std::uint16_t backends_ = 0;  ///< for which there are any
};

}  // namespace weir::proxy
