// SPDX-License-Identifier: Apache-2.0
//
// ServerGroup: the servers of a backend that are asked at the same step, primary ones or backups, as a
// balancer sees them, and their balancer.  The balancer stays while servers come and go; what it is told
// of is filled in anew by the backend whenever something has changed.
#pragma once

#include <weir/balancer.h>

#include "upstream/server.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace weir::upstream {

class ServerGroup final : public ServerSet {
 public:
  ServerGroup(const Sharing& sharing, std::uint32_t tier) : sharing_(sharing), tier_(tier) {}

  std::uint32_t size() const override { return in_use_; }
  std::uint32_t known() const override { return static_cast<std::uint32_t>(servers_.size()); }
  std::uint64_t identity(std::uint32_t i) const override { return servers_[i]->stable_id(); }
  std::string_view name(std::uint32_t i) const override { return servers_[i]->config().name; }
  std::string_view address(std::uint32_t i) const override { return servers_[i]->config().at.text; }
  std::string_view zone(std::uint32_t) const override { return {}; }
  std::uint32_t tier(std::uint32_t) const override { return tier_; }
  std::uint32_t weight(std::uint32_t i) const override { return servers_[i]->weight(); }
  bool is_usable(std::uint32_t i) const override;
  std::uint32_t in_flight(std::uint32_t i) const override { return servers_[i]->in_flight(); }
  std::uint32_t latency_us(std::uint32_t i) const override { return servers_[i]->latency_us(); }
  SharedWords words(std::uint32_t i) const override {
    return sharing_.balancing.of_server(servers_[i]->slot());
  }
  SharedWords words() const override { return sharing_.balancing.of_set(backend_, tier_); }

  /// Those that take requests.
  std::span<Server* const> in_use() const { return {servers_.data(), in_use_}; }
  bool any_can_take() const;

  /// Another set from here to `end`: of the backend with that number.
  void begin(std::uint32_t backend);
  void add(Server& server, bool in_use);
  /// Tells the balancer, or makes one of `factory` if there is none yet.
  void end(const BalancerFactory& factory, std::uint64_t seed);

  /// The next `end` makes another balancer.
  void drop_balancer() { balancer_.reset(); }

  /// The balancer's choice for a request that has not been tried at `tried`; a slot has been taken there.
  Server* choose(std::span<Server* const> tried, const Pick& pick);
  /// Tells the balancer how a try at that server went, if it is one of these.
  void tell(Server& server, const AttemptOutcome& outcome);

 private:
  const Sharing& sharing_;
  std::vector<Server*> servers_;  ///< those in use first
  std::vector<Server*> others_;   ///< between `begin` and `end`: those that are not
  std::span<Server* const> tried_;
  std::unique_ptr<Balancer> balancer_;
  std::uint32_t in_use_ = 0, backend_ = 0, tier_;
};

}  // namespace weir::upstream
