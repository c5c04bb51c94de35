// SPDX-License-Identifier: Apache-2.0
#include "upstream/random_choice.h"

namespace weir::upstream {

namespace {
constexpr int most_draws = 8;  // before all servers are looked at in turn
}

void RandomChoice::on_change(const ServerSet& servers) {
  columns_.clear();
  std::uint32_t count = servers.size();
  std::uint64_t total = 0;
  for (std::uint32_t i = 0; i < count; ++i) total += servers.weight(i);
  if (total == 0) return;
  columns_.resize(count);
  // Each column holds total/count of probability, scaled by count to stay in whole numbers.
  std::vector<std::uint64_t> share(count);
  std::vector<std::uint32_t> small, large;
  for (std::uint32_t i = 0; i < count; ++i) {
    share[i] = std::uint64_t{servers.weight(i)} * count;
    (share[i] < total ? small : large).push_back(i);
  }
  auto fill = [&](std::uint32_t i, std::uint64_t own, std::uint32_t other) {
    std::uint64_t scaled = (own << 32) / total;
    columns_[i] = {static_cast<std::uint32_t>(scaled > UINT32_MAX ? UINT32_MAX : scaled), other};
  };
  while (!small.empty() && !large.empty()) {
    std::uint32_t less = small.back(), more = large.back();
    small.pop_back();
    fill(less, share[less], more);
    share[more] -= total - share[less];
    if (share[more] < total) {
      large.pop_back();
      small.push_back(more);
    }
  }
  for (std::uint32_t i : large) fill(i, total, i);
  for (std::uint32_t i : small) fill(i, total, i);
}

std::uint32_t RandomChoice::draw() {
  std::uint64_t number = random_();
  auto count = static_cast<std::uint32_t>(columns_.size());
  auto index = static_cast<std::uint32_t>((number >> 32) * count >> 32);
  auto fraction = static_cast<std::uint32_t>(number);
  return fraction < columns_[index].below ? index : columns_[index].other;
}

std::optional<std::uint32_t> RandomChoice::draw_usable(const ServerSet& servers) {
  if (columns_.empty()) return std::nullopt;
  for (int i = 0; i < most_draws; ++i) {
    std::uint32_t server = draw();
    if (servers.weight(server) > 0 && servers.is_usable(server)) return server;
  }
  std::uint32_t count = servers.size(), start = random_.below(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    std::uint32_t server = start + i < count ? start + i : start + i - count;
    if (servers.weight(server) > 0 && servers.is_usable(server)) return server;
  }
  return std::nullopt;
}

bool is_less_loaded(const ServerSet& servers, std::uint32_t a, std::uint32_t b) {
  return std::uint64_t{servers.in_flight(a)} * servers.weight(b) <
         std::uint64_t{servers.in_flight(b)} * servers.weight(a);
}

std::optional<std::uint32_t> RandomChoice::choose(const ServerSet& servers, const Pick&) {
  auto first = draw_usable(servers);
  if (!first || draws_ == 1 || servers.size() == 1) return first;
  for (int i = 0; i < most_draws; ++i) {
    std::uint32_t second = draw();
    if (second == *first || servers.weight(second) == 0 || !servers.is_usable(second)) continue;
    return is_less_loaded(servers, second, *first) ? second : *first;
  }
  return first;
}

}  // namespace weir::upstream
