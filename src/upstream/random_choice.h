// SPDX-License-Identifier: Apache-2.0
//
// Random choice by weight, and the power of two choices: draw two, take the one with fewer requests in
// flight per weight (Mitzenmacher 2001).  Nearly as even as looking at all servers, at the price of two
// looks, and without the herd that runs to the one least loaded.
//
// Drawing by weight is O(1): Vose's alias table, one column a server.
#pragma once

#include <weir/balancer.h>

#include "base/random.h"

#include <vector>

namespace weir::upstream {

class RandomChoice final : public Balancer {
 public:
  /// `draws`: 1 = `random`, 2 = `p2c`.
  RandomChoice(std::uint64_t seed, int draws) : random_(seed), draws_(draws) {}

  void on_change(const ServerSet& servers) override;
  std::optional<std::uint32_t> choose(const ServerSet& servers, const Pick& pick) override;

 private:
  struct Column {
    std::uint32_t below;  ///< of 2^32: keep the column's own server below this
    std::uint32_t other;
  };

  std::uint32_t draw();
  std::optional<std::uint32_t> draw_usable(const ServerSet& servers);

  std::vector<Column> columns_;
  Random random_;
  int draws_;
};

/// True if `a` has fewer requests in flight per weight than `b` (weights > 0).
bool is_less_loaded(const ServerSet& servers, std::uint32_t a, std::uint32_t b);

}  // namespace weir::upstream
