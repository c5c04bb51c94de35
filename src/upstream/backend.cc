// SPDX-License-Identifier: Apache-2.0
#include "upstream/backend.h"

#include "upstream/balancers.h"

#include <algorithm>

namespace weir::upstream {

Backend::Backend(const net::Context& context, shm::InFlight& in_flight,
                 const config::Backend& config, std::uint32_t workers, std::uint64_t seed)
    : config_(config) {
  std::uint32_t idle_most = (config.keepalive + workers - 1) / workers;
  std::uint32_t number = config.first_server;
  for (const config::Server& server : config.servers) {
    servers_.push_back(
        std::make_unique<Server>(context, in_flight, config, server, number++, idle_most));
    (server.backup ? backup_ : primary_).servers.push_back(servers_.back().get());
  }
  for (Part* part : {&primary_, &backup_})
    if (part->size() > 0) part->balancer = make_balancer(config.balance, *part, seed++);
}

bool Backend::Part::is_usable(std::uint32_t i) const {
  Server* server = servers[i];
  return server->can_take() &&
         (tried.empty() || std::find(tried.begin(), tried.end(), server) == tried.end());
}

Server* Backend::choose_from(Part& part, std::span<Server* const> tried) {
  if (!part.balancer) return nullptr;
  part.tried = tried;
  // Another worker may take the last slot between the look and the grab: look again, not for ever.
  for (int tries = 0; tries < 4; ++tries) {
    auto index = part.balancer->choose(part);
    if (!index) return nullptr;
    if (part.servers[*index]->take_slot()) return part.servers[*index];
  }
  return nullptr;
}

Chosen Backend::choose(std::span<Server* const> tried) {
  if (Server* server = choose_from(primary_, tried)) return {server};
  if (Server* server = choose_from(backup_, tried)) return {server};
  bool some_full = std::any_of(servers_.begin(), servers_.end(), [&](const auto& server) {
    return server->config().weight > 0 && server->address().is_set() &&
           server->config().max_in_flight > 0 &&
           std::find(tried.begin(), tried.end(), server.get()) == tried.end();
  });
  return {nullptr, some_full};
}

bool Backend::wait(Waiter& waiter) {
  if (queued_ >= config_.max_queue) return false;
  queue_.push_back(waiter);
  if (queued_++ == 0) want_slots(true);
  return true;
}

void Backend::stop_waiting(Waiter& waiter) {
  if (!waiter.is_linked()) return;
  static_cast<Hook&>(waiter).unlink();
  if (--queued_ == 0) want_slots(false);
}

void Backend::want_slots(bool wanted) {
  for (const auto& server : servers_)
    if (server->config().max_in_flight > 0) server->want_slot(wanted);
}

std::uint64_t Backend::release(Server& server) {
  std::uint64_t others = server.give_slot();
  if (queued_ > 0) serve_queue();
  return others;
}

void Backend::serve_queue() {
  for (std::uint32_t left = queued_; left > 0 && queued_ > 0; --left) {
    bool any_free = std::any_of(servers_.begin(), servers_.end(), [](const auto& server) {
      return server->config().weight > 0 && server->can_take();
    });
    if (!any_free) return;
    Waiter* waiter = queue_.pop_front();
    if (--queued_ == 0) want_slots(false);
    waiter->on_slot();
  }
}

}  // namespace weir::upstream
