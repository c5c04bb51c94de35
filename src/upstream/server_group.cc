// SPDX-License-Identifier: Apache-2.0
#include "upstream/server_group.h"

#include <algorithm>

namespace weir::upstream {

bool ServerGroup::is_usable(std::uint32_t i) const {
  const Server* server = servers_[i];
  return i < in_use_ && server->can_take() &&
         (tried_.empty() || std::find(tried_.begin(), tried_.end(), server) == tried_.end());
}

bool ServerGroup::any_can_take() const {
  const auto some = in_use();
  return std::any_of(some.begin(), some.end(),
                     [](const Server* server) { return server->can_take(); });
}

void ServerGroup::begin(std::uint32_t backend) {
  backend_ = backend;
  servers_.clear();
  others_.clear();
}

void ServerGroup::add(Server& server, bool in_use) {
  (in_use ? servers_ : others_).push_back(&server);
}

void ServerGroup::end(const BalancerFactory& factory, std::uint64_t seed) {
  in_use_ = static_cast<std::uint32_t>(servers_.size());
  servers_.insert(servers_.end(), others_.begin(), others_.end());
  for (std::uint32_t i = 0; i < servers_.size(); ++i) servers_[i]->sit(i);
  if (!balancer_ && !servers_.empty()) balancer_ = factory.make(seed);
  if (balancer_) balancer_->on_change(*this);
}

Server* ServerGroup::choose(std::span<Server* const> tried, const Pick& pick) {
  if (in_use_ == 0) return nullptr;
  tried_ = tried;
  // Another worker may take the last slot between the look and the grab: look again, not for ever.
  for (int tries = 0; tries < 4; ++tries) {
    const auto index = balancer_->choose(*this, pick);
    if (!index || *index >= in_use_) return nullptr;
    if (servers_[*index]->take_slot()) return servers_[*index];
  }
  return nullptr;
}

void ServerGroup::tell(Server& server, const AttemptOutcome& outcome) {
  const std::uint32_t seat = server.seat();
  if (balancer_ && seat < servers_.size() && servers_[seat] == &server)
    balancer_->on_outcome(*this, seat, outcome);
}

}  // namespace weir::upstream
