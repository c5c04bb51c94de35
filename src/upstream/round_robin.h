// SPDX-License-Identifier: Apache-2.0
//
// Smooth weighted round robin: with weights 5, 1, 1 the order is a a b a c a a, not a a a a a b c.
// The order (the greedy one that nginx made known) is worked out once; a choice is one step in it.
#pragma once

#include <weir/balancer.h>

#include <vector>

namespace weir::upstream {

class RoundRobin final : public Balancer {
 public:
  RoundRobin(const ServerSet& servers, std::uint64_t seed);
  std::optional<std::uint32_t> choose(const ServerSet& servers) override;
  std::string_view name() const override { return "round_robin"; }

 private:
  std::vector<std::uint32_t> order_;
  std::size_t next_ = 0;
};

}  // namespace weir::upstream
