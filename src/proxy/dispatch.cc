// SPDX-License-Identifier: Apache-2.0
#include "proxy/dispatch.h"

#include "base/assert.h"
#include "http/message.h"
#include "proxy/client_side.h"
#include "proxy/stream_state.h"

#include <string>
#include <utility>

namespace weir::proxy {

Dispatch::Dispatch(StreamState& state, DispatchUser& user, AttemptUser& attempts)
    : state_(state), user_(user), attempts_(attempts), deadline_(*this) {}

Dispatched Dispatch::begin() {
  WEIR_ASSERT(!attempt_ && !is_linked());
  go_to(0);
  return go_on();
}

Dispatched Dispatch::go_on() {
  user_.enter(Phase::Choose);
  return choose(upstream::Turn::BehindQueue);
}

// A request keeps the chain that its route had, and the filters of that, whatever a reload has made of it meanwhile.
void Dispatch::go_to(std::size_t place) {
  const RoutePolicy& policy = *state_.policy;
  place_ = place;
  backend_ =
      state_.context.backends[place == 0 ? policy.backend : policy.fallbacks[place - 1]].get();
  if (!server_backend_) state_.record.backend = &backend_->policy().config;
}

// Its filters may have an answer.
void Dispatch::fall_back() {
  go_to(place_ + 1);
  record_backend();
}

// From here on the record is about the present backend, and no longer about an attempt at another one.
void Dispatch::record_backend() {
  Record& record = state_.record;
  record.backend = &backend_->policy().config;
  record.server = nullptr;
  record.server_address = {};
  record.failure = http::Failure::None;
  if (!reason_.empty()) record.retry_reason = std::exchange(reason_, {});
}

// What a request failed of that no server is left for: the last attempt, if there was one, and then the record is about that.
Dispatched Dispatch::give_up() {
  if (server_backend_) {
    state_.record.backend = &server_backend_->policy().config;
    state_.record.server = &server_.get()->config();
  }
  return {Dispatched::To::Nobody, last_failure()};
}

bool Dispatch::is_last() const { return place_ == state_.policy->fallbacks.size(); }

upstream::Chosen Dispatch::choose_server(upstream::Turn turn) {
  while (true) {
    StreamView* const view = backend_->looks_at_requests() ? &user_.view() : state_.filters.get();
    const RequestClass kind =
        state_.request->wants_upgrade ? RequestClass::Tunnel : RequestClass::Exchange;
    const upstream::Chosen chosen = backend_->choose(retries_.tried(), turn, {view, kind});
    if (chosen.server || chosen.all_busy || is_last()) return chosen;
    if (state_.policy->filters.differs(place_, place_ + 1)) return chosen;
    go_to(place_ + 1);
  }
}

// An answer that there is already is given up for a server only.
bool Dispatch::can_fall_back_to_server() {
  const std::vector<std::uint32_t>& chain = state_.policy->fallbacks;
  for (std::size_t place = place_; place < chain.size(); ++place) {
    if (!user_.may_fall_back(place + 1)) return false;
    if (state_.context.backends[chain[place]]->can_take(retries_.tried())) return true;
  }
  return false;
}

// Attempts that fail at once are followed by others here, not from inside each other.
Dispatched Dispatch::choose(upstream::Turn turn) {
  deadline_.clear();
  while (true) {
    const upstream::Chosen chosen = choose_server(turn);
    if (!chosen.server && chosen.all_busy) return wait();
    if (!chosen.server) {
      if (!is_last() && user_.may_fall_back(place_ + 1)) return {Dispatched::To::Fallback};
      return give_up();
    }
    const http::Failure failure = start(chosen);
    if (failure == http::Failure::None)
      return {server() ? Dispatched::To::Server : Dispatched::To::Connection};
    if (!may_try_again(failure)) return {Dispatched::To::Nobody, failure};
    turn = upstream::Turn::BehindQueue;
  }
}

http::Failure Dispatch::last_failure() const {
  return failure_ != http::Failure::None ? failure_ : http::Failure::NoServer;
}

http::Failure Dispatch::start(const upstream::Chosen& chosen) {
  WEIR_ASSERT(chosen.server && !attempt_);
  waits_since_ = 0;
  user_.enter(Phase::Connect);
  if (!reason_.empty()) state_.record.retry_reason = std::exchange(reason_, {});
  server_ = upstream::ServerRef(chosen.server);
  server_backend_ = backend_;
  state_.record.backend = &backend_->policy().config;
  const AttemptScope scope{state_.context,  state_.arena,          state_.record,
                           *state_.request, state_.policy->server, &state_.client};
  attempt_.emplace(scope, attempts_, *backend_, *chosen.server, chosen.probe);
  return attempt_->start();
}

Dispatched Dispatch::wait() {
  if (backend_ != server_backend_) record_backend();
  if (!backend_->wait(*this)) return {Dispatched::To::Nobody, http::Failure::QueueFull};
  event::Loop& loop = state_.context.net.loop;
  Times& times = state_.record.times;
  if (waits_since_ == 0) waits_since_ = loop.now();
  if (times.queued == 0) times.queued = waits_since_;
  // Whose turn has come in vain goes on waiting; after a try all of the time is there again.
  if (state_.policy->queue > 0) deadline_.set(loop, waits_since_ + state_.policy->queue);
  return {Dispatched::To::Queue};
}

void Dispatch::on_deadline() noexcept {
  event::About about(state_.context.net.loop, state_.client);
  user_.on_dispatched({Dispatched::To::Nobody, http::Failure::QueueTimeout});
}

void Dispatch::on_slot() {
  event::About about(state_.context.net.loop, state_.client);
  user_.on_dispatched(choose(upstream::Turn::Ours));
}

LastAttempt Dispatch::last_attempt() const {
  WEIR_ASSERT(attempt_);
  return {state_.policy->retry, state_.record.attempts, attempt_->is_reused(),
          http::is_idempotent(state_.request->method), user_.can_replay()};
}

bool Dispatch::may_try_again(http::Failure failure) {
  failure_ = failure;
  if (!retries_.allow(failure, last_attempt(), attempt_->server())) return false;
  reason_ = http::traits(failure).name;
  drop();
  user_.enter(Phase::Choose);
  return true;
}

std::optional<Dispatched> Dispatch::try_again(http::Failure failure) {
  if (!may_try_again(failure)) return std::nullopt;
  return choose(upstream::Turn::BehindQueue);
}

std::optional<Dispatched> Dispatch::ask_another(std::uint16_t status) {
  if (state_.policy->retry.on_status.empty() || !retries_.allow(status, last_attempt()))
    return std::nullopt;
  retries_.leave(attempt_->server());
  const std::size_t asked = place_;
  const upstream::Chosen chosen = choose_server(upstream::Turn::Ours);
  if (!chosen.server && (chosen.all_busy || !can_fall_back_to_server())) {
    go_to(asked);
    return std::nullopt;
  }
  reason_ = state_.arena.copy(std::to_string(status));
  drop();
  user_.enter(Phase::Choose);
  if (!chosen.server) return Dispatched{Dispatched::To::Fallback};
  const http::Failure failure = start(chosen);
  if (failure == http::Failure::None)
    return Dispatched{server() ? Dispatched::To::Server : Dispatched::To::Connection};
  if (may_try_again(failure)) return choose(upstream::Turn::BehindQueue);
  return Dispatched{Dispatched::To::Nobody, failure};
}

bool Dispatch::holds_slot_of(std::uint32_t backend) const {
  return attempt_ && backend_ && backend_->policy().config.number == backend;
}

void Dispatch::end(bool reusable) {
  if (attempt_) attempt_->end(reusable);
}

void Dispatch::stop() {
  if (backend_) backend_->stop_waiting(*this);
  deadline_.clear();
  drop();
}

}  // namespace weir::proxy
