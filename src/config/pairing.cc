// SPDX-License-Identifier: Apache-2.0
#include "config/pairing.h"

#include <algorithm>
#include <string_view>
#include <unordered_map>

namespace weir::config {

bool Pairing::is_reordered() const { return !std::is_sorted(common.begin(), common.end()); }

Pairing pair_up(std::span<const std::string> from, std::span<const std::string> to) {
  Pairing pairing;
  std::unordered_map<std::string_view, std::size_t> in_from, in_to;
  for (std::size_t i = 0; i < from.size(); ++i) in_from.emplace(from[i], i);
  for (std::size_t i = 0; i < to.size(); ++i) {
    if (!in_to.emplace(to[i], i).second) continue;
    const auto found = in_from.find(to[i]);
    if (found == in_from.end())
      pairing.added.push_back(i);
    else
      pairing.common.emplace_back(found->second, i);
  }
  for (std::size_t i = 0; i < from.size(); ++i)
    if (in_from.at(from[i]) == i && !in_to.contains(from[i])) pairing.removed.push_back(i);
  return pairing;
}

}  // namespace weir::config
