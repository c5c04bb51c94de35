// SPDX-License-Identifier: Apache-2.0
//
// FilterChain: the filters of one route, in order for requests, reversed for responses.
#pragma once

#include <weir/filter.h>

#include "config/config.h"

#include <memory>
#include <vector>

namespace weir::proxy {

class FilterChain {
 public:
  /// Makes the filters of a route's policies; errors name their place.
  static Result<FilterChain> build(const config::Config& config, const config::Route& route);

  Verdict run_request(StreamView& stream) const;
  void run_response(StreamView& stream) const;

 private:
  std::vector<std::unique_ptr<FilterFactory>> factories_;
};

}  // namespace weir::proxy
