// SPDX-License-Identifier: Apache-2.0
//
// Smooth weighted round robin: with weights 5, 1, 1 the order is a a b a c a a, not a a a a a b c.
// The order (the greedy one that nginx made known) is worked out when servers or weights change; a choice
// is one step in it.  After a change it goes on with the server whose turn it was.
#pragma once

#include <weir/balancer.h>

#include <vector>

namespace weir::upstream {

class RoundRobin final : public Balancer {
 public:
  /// Workers start at different places, each at the place of its seed.
  explicit RoundRobin(std::uint64_t seed) : seed_(seed) {}
  void on_change(const ServerSet& servers) override;
  std::optional<std::uint32_t> choose(const ServerSet& servers, const Pick& pick) override;

 private:
  std::size_t find_place(const std::vector<std::uint32_t>& order, const ServerSet& servers) const;

  std::vector<std::uint32_t> order_;
  std::vector<std::uint64_t> identities_;  ///< of the servers that `order_` speaks of
  std::size_t next_ = 0;
  std::uint64_t seed_;
};

}  // namespace weir::upstream
