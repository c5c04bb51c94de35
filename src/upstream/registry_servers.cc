// SPDX-License-Identifier: Apache-2.0
#include "upstream/registry_servers.h"

#include "upstream/server_row.h"

#include <utility>

namespace weir::upstream {

RegistryServers::RegistryServers(const Registry& registry, std::uint32_t tier,
                                 std::vector<std::uint32_t> in_use,
                                 std::span<const std::uint32_t> others)
    : registry_(registry),
      slots_(std::move(in_use)),
      in_use_(static_cast<std::uint32_t>(slots_.size())),
      tier_(tier) {
  slots_.insert(slots_.end(), others.begin(), others.end());
}

std::uint64_t RegistryServers::identity(std::uint32_t i) const {
  return identity_of(registry_.backend_name(row(i).backend), row(i).name);
}

bool RegistryServers::is_usable(std::uint32_t i) const {
  return i < in_use_ && (row(i).max_in_flight == 0 || in_flight(i) < row(i).max_in_flight);
}

SharedWords RegistryServers::words() const {
  return registry_.balancing().of_set(slots_.empty() ? 0 : row(0).backend, tier_);
}

}  // namespace weir::upstream
