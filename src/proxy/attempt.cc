// SPDX-License-Identifier: Apache-2.0
#include "proxy/attempt.h"

#include "base/assert.h"
#include "proxy/context.h"

#include <errno.h>

#include <algorithm>
#include <utility>

namespace weir::proxy {

Attempt::Attempt(const AttemptScope& scope, AttemptUser& user, upstream::Backend& backend,
                 upstream::Server& server, bool probe)
    : scope_(scope),
      user_(user),
      backend_(backend),
      server_(server),
      probe_(probe),
      chosen_us_(scope.context.net.loop.now()) {}

Attempt::~Attempt() { end(false); }

http::Failure Attempt::start() {
  WEIR_ASSERT(!connection_ && !ended_);
  Record& record = scope_.record;
  record.server = &server_.config();
  record.server_slot = server_.slot();
  record.server_address = {};
  ++record.attempts;
  record.times.chosen = scope_.context.net.loop.now();
  const bool tunnel = scope_.request.wants_upgrade;
  // What has failed once is not to depend on others again, nor is what decides about a server.
  const bool may_share = record.attempts == 1 && !probe_;
  connection_ = server_.take_ready(tunnel, may_share ? &scope_.request : nullptr);
  reused_ = record.reused = connection_ && connection_->is_reused();
  if (!connection_) {
    int error = 0;
    connection_ = server_.connect(error, tunnel);
    const bool full = error == EMFILE || error == ENFILE;
    if (full && scope_.context.shed_idle()) connection_ = server_.connect(error, tunnel);
    if (!connection_) {
      note_end(upstream::connect_failure(error));
      return upstream::connect_failure(error);
    }
  }
  connection_->lease(*this, scope_.timeouts);
  if (!connection_->is_connecting()) become_ready();
  return http::Failure::None;
}

void Attempt::become_ready() {
  WEIR_ASSERT(connection_ && !ready_ && !ended_);
  ready_ = outcome_.connected = true;
  scope_.context.journal.count_attempt(backend_.policy().config.number, server_.slot(), true);
  if (server_.addresses().has_many())
    if (const net::Address* at = server_.addresses().find(connection_->address()))
      scope_.record.server_address = scope_.arena.copy(at->text());
  scope_.record.times.connected = scope_.context.net.loop.now();
}

void Attempt::end(bool reusable) {
  if (ended_) return;
  ended_ = true;
  ready_ = false;
  if (probe_) server_.unclaim();
  if (upstream::ServerSide* connection = connection_) {
    connection_ = nullptr;
    connection->give_back(reusable);
  }
  outcome_.total_us = age_us();
  outcome_.now_us = chosen_us_ + outcome_.total_us;
  if (std::uint64_t others = backend_.release(server_, outcome_))
    scope_.context.journal.wake(others);
}

std::uint64_t Attempt::age_us() const { return scope_.context.net.loop.now() - chosen_us_; }

void Attempt::on_connected(upstream::ServerSide& on) {
  connection_ = &on;
  server_.note_connect(true, probe_);
  become_ready();
  user_.on_attempt_ready();
}

void Attempt::on_sent() { user_.on_attempt_sent(); }

// What the server did wrong counts against it; a pooled connection that it closed meanwhile does not.
void Attempt::note_failure(http::Failure failure) {
  const http::Again again = http::traits(failure).again;
  if (http::traits(failure).blame != http::Blame::Server || again == http::Again::Elsewhere) return;
  if (again == http::Again::Safe) {
    scope_.context.journal.count_attempt(backend_.policy().config.number, server_.slot(), false);
    server_.note_connect(false, std::exchange(probe_, false));
  } else if (!reused_ || again != http::Again::IfIdempotent) {
    server_.note_failure(std::exchange(probe_, false));
  } else {
    return;
  }
  outcome_.failure = http::traits(failure).name;
}

void Attempt::note_end(http::Failure failure) {
  connection_ = nullptr;
  ready_ = false;
  note_failure(failure);
  server_.note_refusal(failure);
}

void Attempt::on_failed(http::Failure failure) {
  note_end(failure);
  user_.on_attempt_failed(failure);
}

void Attempt::on_raw_readable() { user_.on_raw_readable(); }

Arena& Attempt::arena() { return scope_.arena; }

const RequestHead& Attempt::request() const { return scope_.request; }

const event::Subject* Attempt::subject() const { return scope_.subject; }

void Attempt::on_head(MessageHead& head) {
  auto& response = static_cast<ResponseHead&>(head);
  if (response.is_interim()) return user_.on_interim(response);
  WEIR_ASSERT(!response_begun_ && !ended_);
  response_begun_ = true;
  outcome_.status = response.status;
  outcome_.first_byte_us = std::max<std::uint64_t>(age_us(), 1);
  good_ = server_.note_head(response, std::exchange(probe_, false));
  user_.on_response(response);
}

bool Attempt::wants_body() const { return !response_begun_ || sink_->wants_answer(); }

void Attempt::on_body(std::span<const char> bytes) {
  WEIR_ASSERT(sink_ && !ended_);
  sink_->take_answer(bytes);
}

void Attempt::on_end(const Headers& trailers) {
  WEIR_ASSERT(sink_ && !ended_);
  // Not before: a server that cuts its answers short would seem well with each new head.
  if (good_) server_.note_whole();
  sink_->take_answer_end(trailers);
}

bool Attempt::can_move_body() const {
  return sink_ ? sink_->can_move_answer() : user_.may_move_answer();
}

bool Attempt::has_unsent() const { return user_.holds_upload(); }

net::IoResult Attempt::move_body() { return sink_->move_answer(); }

}  // namespace weir::proxy
