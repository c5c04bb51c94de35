// SPDX-License-Identifier: Apache-2.0
#include "upstream/backend.h"

#include "base/text.h"
#include "upstream/balancers.h"
#include "upstream/server_row.h"

#include <algorithm>
#include <utility>

namespace weir::upstream {

using shm::Use;

namespace {

bool is_among(std::span<Server* const> some, const Server* server) {
  return std::find(some.begin(), some.end(), server) != some.end();
}

}  // namespace

Result<std::shared_ptr<const tls::ClientContext>> make_tls(const config::Backend& backend) {
  // The preferred one first.
  static constexpr std::string_view spoken[] = {"h2", "http/1.1"};
  const std::span<const std::string_view> all(spoken);
  switch (backend.protocol) {
    case config::ServerProtocol::Http1: return tls::ClientContext::build(*backend.tls, all.last(1));
    case config::ServerProtocol::Http2:
      return tls::ClientContext::build(*backend.tls, all.first(1));
    case config::ServerProtocol::Auto: break;
  }
  return tls::ClientContext::build(*backend.tls, all);
}

std::string terms_of(const config::Backend& backend) {
  std::string terms = concat(config::word_of(backend.protocol), " ");
  if (backend.tls) terms += tls::ClientContext::key_of(*backend.tls);
  return terms;
}

BackendPolicy policy_of(const config::Config& config, const config::Backend& backend) {
  BackendPolicy policy{backend, std::nullopt, nullptr, {}};
  policy.config.servers.clear();  // the table in shared memory has them
  policy.config.servers.shrink_to_fit();
  policy.limits = answer_limits(config, backend);
  if (backend.fallback) policy.fallback = config.backends[*backend.fallback].number;
  return policy;
}

Backend::Backend(const net::Context& context, const Sharing& sharing, BackendPolicy policy,
                 std::uint64_t seed)
    : context_(context), sharing_(sharing), policy_(std::move(policy)), wake_(*this), seed_(seed) {}

Backend::~Backend() {
  for (Server* server : servers_) delete server;
}

void Backend::apply(std::uint32_t slot, const shm::ServerRow& row) {
  stale_ = true;
  auto [entry, is_new] = by_slot_.try_emplace(slot, nullptr);
  if (!is_new) {
    const bool was_limited = entry->second->config().max_in_flight > 0;
    entry->second->apply(row);
    if (queued_ > 0 && was_limited != (row.max_in_flight > 0))
      entry->second->want_slot(!was_limited);
    return;
  }
  entry->second =
      new Server(context_, sharing_, policy_.config, policy_.tls, policy_.limits, slot, row);
  servers_.push_back(entry->second);
  if (queued_ > 0 && row.max_in_flight > 0) entry->second->want_slot(true);
}

void Backend::forget(std::uint32_t slot) {
  auto entry = by_slot_.find(slot);
  if (entry == by_slot_.end()) return;
  Server* server = entry->second;
  if (queued_ > 0) server->want_slot(false);
  by_slot_.erase(entry);
  std::erase(servers_, server);
  rebuild();
  server->retire();
}

void Backend::configure(const BackendPolicy& policy) {
  const bool others =
      policy_.tls != policy.tls || policy_.config.protocol != policy.config.protocol;
  policy_ = policy;
  left_ = false;
  stale_ = true;
  for (Server* server : servers_) {
    server->limit_idle();
    if (others) server->forget_terms();
  }
}

void Backend::leave() {
  if (left_) return;
  if (stale_) rebuild();
  left_ = true;
  // What nothing bad is known of is as good as up, since nobody will know better any more.
  freeze([](const Server& server) {
    return (server.use() == Use::Starting || server.use() == Use::HalfOpen) &&
           server.weight() > 0 && !server.addresses().empty();
  });
  serve_queue();
}

// Those that are in use now, if they are still there, and some more.
template <typename More>
void Backend::freeze(More more) {
  std::vector<Server*> primary, backup;
  for (Server* server : servers_)
    if (is_among(primary_.servers, server) || is_among(backup_.servers, server) || more(*server))
      (server->is_backup() ? backup : primary).push_back(server);
  stale_ = false;
  starting_ = 0;
  half_open_.clear();
  primary_.servers = std::move(primary);
  backup_.servers = std::move(backup);
  make_balancers();
}

void Backend::make_balancers() {
  for (Part* part : {&primary_, &backup_}) {
    part->balancer.reset();
    if (part->size() > 0) part->balancer = make_balancer(policy_.config.balance, *part, seed_++);
  }
}

bool Backend::must_panic() const {
  PanicScale scale;
  for (const Server* server : servers_) scale.add(server->standing());
  return scale.is_panic(policy_.config.panic);
}

void Backend::rebuild() {
  if (left_) return freeze([](const Server&) { return false; });
  stale_ = false;
  starting_ = 0;
  primary_.servers.clear();
  backup_.servers.clear();
  half_open_.clear();
  const bool panic = must_panic();
  for (Server* server : servers_) {
    const Duty duty = duty_of(server->standing(), panic);
    starting_ += server->use() == Use::Starting;
    if (duty.regular) (server->is_backup() ? backup_ : primary_).servers.push_back(server);
    if (duty.trial) half_open_.push_back(server);
  }
  make_balancers();
}

bool Backend::Part::is_usable(std::uint32_t i) const {
  Server* server = servers[i];
  return server->can_take() && (tried.empty() || !is_among(tried, server));
}

bool Backend::Part::any_can_take() const {
  return std::any_of(servers.begin(), servers.end(),
                     [](const Server* server) { return server->can_take(); });
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

Server* Backend::choose_half_open(std::span<Server* const> tried) {
  for (Server* server : half_open_) {
    if (is_among(tried, server) || !server->can_take() || !server->claim()) continue;
    if (server->take_slot()) return server;
    server->unclaim();
  }
  return nullptr;
}

Chosen Backend::choose(std::span<Server* const> tried, Turn turn) {
  if (stale_) rebuild();
  // A request that finds no room in the queue is not refused while there is a server for it.
  const bool can_wait = queued_ > 0 && queued_ < policy_.config.max_queue;
  if (turn == Turn::BehindQueue && to_wake_ > 0 && can_wait) {
    ++to_wake_;  // its turn comes as well: those before it may leave the slot to it
    return {nullptr, true};
  }
  for (const Step step : choosing_order)
    if (Server* server = take(step, tried)) return {server, false, step == Step::Trial};
  return {nullptr, may_become_free(tried)};
}

Server* Backend::take(Step step, std::span<Server* const> tried) {
  switch (step) {
    case Step::Trial: return choose_half_open(tried);
    case Step::Primary: return choose_from(primary_, tried);
    case Step::Backup: break;
  }
  return choose_from(backup_, tried);
}

bool Backend::may_become_free(std::span<Server* const> tried) const {
  if (starting_ > 0) return true;
  for (const Part* part : {&primary_, &backup_})
    for (const Server* server : part->servers)
      if (server->config().max_in_flight > 0 && !is_among(tried, server)) return true;
  return false;
}

bool Backend::wait(Waiter& waiter) {
  if (queued_ >= policy_.config.max_queue) return false;
  queue_.push_back(waiter);
  if (queued_++ == 0) want_slots(true);
  publish_queue();
  return true;
}

void Backend::stop_waiting(Waiter& waiter) {
  if (!waiter.is_linked()) return;
  static_cast<Hook&>(waiter).unlink();
  if (--queued_ == 0) want_slots(false);
  publish_queue();
}

void Backend::publish_queue() { sharing_.queues.set(policy_.config.number, queued_); }

void Backend::want_slots(bool wanted) {
  for (Server* server : servers_)
    if (server->config().max_in_flight > 0) server->want_slot(wanted);
}

std::uint64_t Backend::release(Server& server) {
  std::uint64_t others = server.give_slot();
  if (queued_ > 0) serve_queue();
  return others;
}

std::size_t Backend::shed_idle(std::size_t most) {
  std::size_t count = 0;
  for (Server* server : servers_) count += server->shed_idle(most - count);
  return count;
}

void Backend::serve_queue() {
  if (queued_ == 0) return;
  to_wake_ = queued_;
  context_.loop.post(wake_);
}

// Waiters whose servers have all gone are called too: they have to be answered.
bool Backend::has_server_for_waiter() const {
  const bool hopeless = starting_ == 0 && primary_.size() == 0 && backup_.size() == 0;
  return hopeless || primary_.any_can_take() || backup_.any_can_take() || !half_open_.empty();
}

void Backend::on_task() noexcept {
  const std::uint64_t until = context_.loop.read_clock() + waking_us;
  while (to_wake_ > 0 && queued_ > 0) {
    if (stale_) rebuild();
    if (!has_server_for_waiter()) to_wake_ = 0;
    if (to_wake_ == 0) break;
    --to_wake_;
    --queued_;
    Waiter* waiter = queue_.pop_front();
    publish_queue();
    waiter->on_slot();
    if (context_.loop.read_clock() >= until) break;
  }
  // Not before the last one has its slot: a server that nobody uses or wants may go.
  if (queued_ == 0) {
    to_wake_ = 0;
    want_slots(false);
  }
  if (to_wake_ > 0) context_.loop.post(wake_);
}

}  // namespace weir::upstream
