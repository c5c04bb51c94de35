// SPDX-License-Identifier: Apache-2.0
//
// RegistryServers: the servers of a backend as control knows them, in the shape in which balancers see them, so that
// a policy can explain itself where no request is.
#pragma once

#include <weir/balancer.h>

#include "upstream/registry.h"

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir::upstream {

/// To be used at once: the registry must not change meanwhile.
class RegistryServers final : public ServerSet {
 public:
  /// `in_use`, then `others`: slots of one backend and tier.
  RegistryServers(const Registry& registry, std::uint32_t tier, std::vector<std::uint32_t> in_use,
                  std::span<const std::uint32_t> others);

  std::uint32_t size() const override { return in_use_; }
  std::uint32_t known() const override { return static_cast<std::uint32_t>(slots_.size()); }
  std::uint64_t identity(std::uint32_t i) const override;
  std::string_view name(std::uint32_t i) const override { return row(i).name; }
  std::string_view address(std::uint32_t i) const override {
    return registry_.columns(slots_[i]).at;
  }
  std::string_view zone(std::uint32_t) const override { return {}; }
  std::uint32_t tier(std::uint32_t) const override { return tier_; }
  std::uint32_t weight(std::uint32_t i) const override { return row(i).weight; }
  bool is_usable(std::uint32_t i) const override;
  std::uint32_t in_flight(std::uint32_t i) const override { return registry_.in_flight(slots_[i]); }
  std::uint32_t latency_us(std::uint32_t i) const override {
    return registry_.balancing().latency(slots_[i]);
  }
  SharedWords words(std::uint32_t i) const override {
    return registry_.balancing().of_server(slots_[i]);
  }
  SharedWords words() const override;

  std::uint32_t slot(std::uint32_t i) const { return slots_[i]; }

 private:
  const shm::ServerRow& row(std::uint32_t i) const { return registry_.row(slots_[i]); }

  const Registry& registry_;
  std::vector<std::uint32_t> slots_;
  std::uint32_t in_use_, tier_;
};

}  // namespace weir::upstream
