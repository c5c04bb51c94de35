// SPDX-License-Identifier: Apache-2.0
//
// Least request: the server with the fewest requests in flight per weight, over all workers.  Looks at
// every server; begins somewhere else each time, so that equals take turns.
#pragma once

#include <weir/balancer.h>

#include "base/random.h"

namespace weir::upstream {

class LeastRequest final : public Balancer {
 public:
  explicit LeastRequest(std::uint64_t seed) : random_(seed) {}
  std::optional<std::uint32_t> choose(const ServerSet& servers, const Pick& pick) override;

 private:
  Random random_;
};

}  // namespace weir::upstream
