// SPDX-License-Identifier: Apache-2.0
//
// FilterChain: the filters of one route, in order for requests, reversed for responses, also for those that weir
// makes itself.
#pragma once

#include <weir/filter.h>

#include "config/config.h"

#include <memory>
#include <utility>
#include <vector>

namespace weir::proxy {

class FilterChain {
 public:
  FilterChain() = default;
  explicit FilterChain(std::vector<std::unique_ptr<FilterFactory>> factories)
      : factories_(std::move(factories)) {}

  /// Makes the filters of a route's policies; errors name their place.
  static Result<FilterChain> build(const config::Config& config, const config::Route& route);

  Verdict run_request(StreamView& stream) const;
  void run_response(StreamView& stream) const;

 private:
  std::vector<std::unique_ptr<FilterFactory>> factories_;
};

}  // namespace weir::proxy
