// SPDX-License-Identifier: Apache-2.0
#include "upstream/round_robin.h"

#include <algorithm>
#include <cstdint>
#include <numeric>

namespace weir::upstream {

namespace {

constexpr std::uint64_t longest_order = 65'536;

// Weights as small as their ratios allow, and so that their sum is a length we want to keep.
std::vector<std::uint64_t> reduced_weights(const ServerSet& servers) {
  std::vector<std::uint64_t> weights(servers.size());
  std::uint64_t divisor = 0, total = 0;
  for (std::uint32_t i = 0; i < servers.size(); ++i) {
    weights[i] = servers.weight(i);
    divisor = std::gcd(divisor, weights[i]);
    total += weights[i];
  }
  if (divisor == 0) return weights;
  bool too_long = total / divisor > longest_order;
  for (std::uint64_t& weight : weights) {
    if (weight == 0) continue;
    weight = too_long ? std::max<std::uint64_t>(1, weight * (longest_order / 2) / total)
                      : weight / divisor;
  }
  return weights;
}

}  // namespace

RoundRobin::RoundRobin(const ServerSet& servers, std::uint64_t seed) {
  std::vector<std::uint64_t> weights = reduced_weights(servers);
  std::uint64_t total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  bool equal = std::all_of(weights.begin(), weights.end(), [](std::uint64_t w) { return w <= 1; });
  if (equal) {
    for (std::uint32_t i = 0; i < weights.size(); ++i)
      if (weights[i] > 0) order_.push_back(i);
  } else {
    std::vector<std::int64_t> credit(weights.size());
    for (std::uint64_t n = 0; n < total; ++n) {
      for (std::size_t i = 0; i < weights.size(); ++i)
        credit[i] += static_cast<std::int64_t>(weights[i]);
      auto best = std::max_element(credit.begin(), credit.end());
      *best -= static_cast<std::int64_t>(total);
      order_.push_back(static_cast<std::uint32_t>(best - credit.begin()));
    }
  }
  // Workers start at different places, each at the place of its seed.
  if (!order_.empty()) next_ = seed % order_.size();
}

std::optional<std::uint32_t> RoundRobin::choose(const ServerSet& servers) {
  for (std::size_t tried = 0; tried < order_.size(); ++tried) {
    std::uint32_t server = order_[next_];
    if (++next_ == order_.size()) next_ = 0;
    if (servers.is_usable(server)) return server;
  }
  return std::nullopt;
}

}  // namespace weir::upstream
