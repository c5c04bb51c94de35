// SPDX-License-Identifier: Apache-2.0
#include "upstream/least_request.h"

#include "upstream/random_choice.h"

namespace weir::upstream {

std::optional<std::uint32_t> LeastRequest::choose(const ServerSet& servers, const Pick&) {
  std::uint32_t count = servers.size();
  if (count == 0) return std::nullopt;
  std::optional<std::uint32_t> best;
  std::uint32_t server = random_.below(count);
  for (std::uint32_t i = 0; i < count; ++i, server = server + 1 == count ? 0 : server + 1) {
    if (servers.weight(server) == 0 || !servers.is_usable(server)) continue;
    if (!best || is_less_loaded(servers, server, *best)) best = server;
  }
  return best;
}

}  // namespace weir::upstream
