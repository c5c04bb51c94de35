// SPDX-License-Identifier: Apache-2.0
#include "upstream/backend.h"

#include <weir/protocol.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/text.h"
#include "config/parsed_text.h"
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
  static constexpr std::string_view spoken[] = {alpn_of(Protocol::Http2),
                                                alpn_of(Protocol::Http11)};
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
  BackendPolicy policy;
  policy.config = backend;
  policy.config.servers.clear();  // the table in shared memory has them
  policy.config.servers.shrink_to_fit();
  policy.limits = answer_limits(config, backend);
  policy.timeouts = server_timeouts(backend.limits, config::default_limits());
  return policy;
}

Backend::Backend(const net::Context& context, const Sharing& sharing, BackendPolicy policy,
                 std::uint64_t seed)
    : context_(context),
      sharing_(sharing),
      policy_(std::move(policy)),
      primary_(sharing, 0),
      backup_(sharing, 1),
      wake_(*this),
      seed_(seed) {
  take_needs(*policy_.balancers);
}

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
  // Balancers may refer to what made them.
  auto balancers = policy_.balancers;
  if (policy_.config.balance != policy.config.balance) {
    for (ServerGroup* group : {&primary_, &backup_}) group->drop_balancer();
    balancers = policy.balancers;
    take_needs(*balancers);
  }
  policy_ = policy;
  policy_.balancers = std::move(balancers);
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
  std::vector<Server*> staying;
  for (Server* server : servers_)
    if (is_among(primary_.in_use(), server) || is_among(backup_.in_use(), server) || more(*server))
      staying.push_back(server);
  begin_groups();
  for (Server* server : staying) (server->is_backup() ? backup_ : primary_).add(*server, true);
  end_groups();
}

void Backend::begin_groups() {
  stale_ = false;
  starting_ = 0;
  half_open_.clear();
  for (ServerGroup* group : {&primary_, &backup_}) group->begin(policy_.config.number);
}

void Backend::end_groups() {
  for (ServerGroup* group : {&primary_, &backup_}) group->end(*policy_.balancers, seed_++);
}

bool Backend::must_panic() const {
  PanicScale scale;
  for (const Server* server : servers_) scale.add(server->standing());
  return scale.is_panic(policy_.config.panic);
}

void Backend::rebuild() {
  if (left_) return freeze([](const Server&) { return false; });
  begin_groups();
  const bool panic = must_panic();
  for (Server* server : servers_) {
    const Duty duty = duty_of(server->standing(), panic);
    starting_ += server->use() == Use::Starting;
    (server->is_backup() ? backup_ : primary_).add(*server, duty.regular);
    if (duty.trial) half_open_.push_back(server);
  }
  end_groups();
}

// What is no text with variables was refused when it was loaded.
void Backend::take_needs(const BalancerFactory& balancers) {
  needs_ = balancers.needs();
  hash_text_.reset();
  if (needs_.hash_of.empty()) return;
  if (auto parsed = config::ParsedText::parse(needs_.hash_of)) hash_text_ = std::move(*parsed);
}

// The hash only if somebody wants it; identities only of a request that has been tried before.
Pick Backend::pick_for(std::span<Server* const> tried, const Asker& asker) {
  Pick pick;
  pick.kind = asker.kind;
  pick.stream = asker.stream;
  pick.now_us = context_.loop.now();
  if (!tried.empty()) {
    tried_.clear();
    // Those that have left meanwhile may not exist any more.
    for (const Server* server : servers_)
      if (is_among(tried, server)) tried_.push_back(server->stable_id());
    pick.tried = tried_;
  }
  if (hash_text_ && asker.stream)
    if (const std::string_view key = asker.stream->expand(*hash_text_); !key.empty())
      pick.hash = fast_hash(key);
  return pick;
}

Server* Backend::choose_half_open(std::span<Server* const> tried) {
  for (Server* server : half_open_) {
    if (is_among(tried, server) || !server->can_take() || !server->claim()) continue;
    if (server->take_slot()) return server;
    server->unclaim();
  }
  return nullptr;
}

Chosen Backend::choose(std::span<Server* const> tried, Turn turn, const Asker& asker) {
  if (stale_) rebuild();
  // A request that finds no room in the queue is not refused while there is a server for it.
  const bool can_wait = queued_ > 0 && queued_ < policy_.config.max_queue;
  if (turn == Turn::BehindQueue && to_wake_ > 0 && can_wait) {
    ++to_wake_;  // its turn comes as well: those before it may leave the slot to it
    return {nullptr, true};
  }
  const Pick pick = pick_for(tried, asker);
  for (const Step step : choosing_order)
    if (Server* server = take(step, tried, pick)) return {server, false, step == Step::Trial};
  return {nullptr, may_become_free(tried)};
}

Server* Backend::take(Step step, std::span<Server* const> tried, const Pick& pick) {
  switch (step) {
    case Step::Trial: return choose_half_open(tried);
    case Step::Primary: return primary_.choose(tried, pick);
    case Step::Backup: break;
  }
  return backup_.choose(tried, pick);
}

bool Backend::can_take(std::span<Server* const> tried) {
  if (stale_) rebuild();
  for (const ServerGroup* group : {&primary_, &backup_})
    for (const Server* server : group->in_use())
      if (!is_among(tried, server) && server->can_take()) return true;
  return false;
}

bool Backend::may_become_free(std::span<Server* const> tried) const {
  if (starting_ > 0) return true;
  for (const ServerGroup* group : {&primary_, &backup_})
    for (const Server* server : group->in_use())
      if (server->config().max_in_flight > 0 && !is_among(tried, server)) return true;
  return false;
}

bool Backend::wait(Waiter& waiter) {
  WEIR_ASSERT(!waiter.is_linked());
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

std::uint64_t Backend::release(Server& server, const AttemptOutcome& outcome) {
  if (needs_.latency && outcome.first_byte_us > 0) server.note_latency(outcome.first_byte_us);
  if (needs_.outcomes)
    for (ServerGroup* group : {&primary_, &backup_}) group->tell(server, outcome);
  return release(server);
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
    WEIR_ASSERT(waiter);  // `queued_` counts them
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
