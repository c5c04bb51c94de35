// SPDX-License-Identifier: Apache-2.0
#include "upstream/round_robin.h"

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <unordered_map>
#include <utility>

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

std::vector<std::uint32_t> greedy_order(const ServerSet& servers) {
  const std::vector<std::uint64_t> weights = reduced_weights(servers);
  const std::uint64_t total = std::accumulate(weights.begin(), weights.end(), std::uint64_t{0});
  std::vector<std::uint32_t> order;
  if (std::all_of(weights.begin(), weights.end(), [](std::uint64_t w) { return w <= 1; })) {
    for (std::uint32_t i = 0; i < weights.size(); ++i)
      if (weights[i] > 0) order.push_back(i);
    return order;
  }
  std::vector<std::int64_t> credit(weights.size());
  for (std::uint64_t n = 0; n < total; ++n) {
    for (std::size_t i = 0; i < weights.size(); ++i)
      credit[i] += static_cast<std::int64_t>(weights[i]);
    auto best = std::max_element(credit.begin(), credit.end());
    *best -= static_cast<std::int64_t>(total);
    order.push_back(static_cast<std::uint32_t>(best - credit.begin()));
  }
  return order;
}

// Where in `order` a server has its turns.
std::vector<std::size_t> turns_of(std::uint32_t server, const std::vector<std::uint32_t>& order) {
  std::vector<std::size_t> turns;
  for (std::size_t at = 0; at < order.size(); ++at)
    if (order[at] == server) turns.push_back(at);
  return turns;
}

}  // namespace

void RoundRobin::on_change(const ServerSet& servers) {
  std::vector<std::uint32_t> order = greedy_order(servers);
  next_ = order.empty() ? 0 : find_place(order, servers);
  order_ = std::move(order);
  identities_.resize(servers.size());
  for (std::uint32_t i = 0; i < servers.size(); ++i) identities_[i] = servers.identity(i);
}

// The next server in the former order that is still there is the next one in the new order.  If it has
// several turns it is the one as far through them as before.
std::size_t RoundRobin::find_place(const std::vector<std::uint32_t>& order,
                                   const ServerSet& servers) const {
  std::unordered_map<std::uint64_t, std::uint32_t> positions;
  for (std::uint32_t i = 0; i < servers.size(); ++i) positions.emplace(servers.identity(i), i);
  for (std::size_t step = 0; step < order_.size(); ++step) {
    const std::size_t at = (next_ + step) % order_.size();
    const auto found = positions.find(identities_[order_[at]]);
    if (found == positions.end()) continue;
    const std::vector<std::size_t> turns = turns_of(found->second, order);
    if (turns.empty()) continue;
    const std::vector<std::size_t> former = turns_of(order_[at], order_);
    const auto nth = std::find(former.begin(), former.end(), at) - former.begin();
    return turns[static_cast<std::size_t>(nth) * turns.size() / former.size()];
  }
  return seed_ % order.size();
}

std::optional<std::uint32_t> RoundRobin::choose(const ServerSet& servers, const Pick&) {
  for (std::size_t tried = 0; tried < order_.size(); ++tried) {
    std::uint32_t server = order_[next_];
    if (++next_ == order_.size()) next_ = 0;
    if (servers.is_usable(server)) return server;
  }
  return std::nullopt;
}

}  // namespace weir::upstream
