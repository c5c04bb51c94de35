// SPDX-License-Identifier: Apache-2.0
#include "proxy/stream.h"

#include <weir/log.h>

#include "base/assert.h"
#include "http/field.h"
#include "http/grpc.h"
#include "http/hop_limit.h"
#include "http/message.h"
#include "proxy/client_side.h"
#include "proxy/readiness.h"
#include "proxy/variables.h"

namespace weir::proxy {

namespace {

LocalReply reply_for(http::Failure failure, StreamState& state) {
  if (state.request && http::is_grpc(*state.request)) return make_grpc_reply(failure, state.arena);
  return make_failure_reply(state.record, failure, state.arena);
}

}  // namespace

Stream::Stream(Context& context, ClientSide& client, std::uint64_t begun)
    : state_(context, client, begun),
      log_(state_),
      routing_(state_),
      dispatch_(state_, *this, *this),
      body_(state_, *this, dispatch_),
      answer_(state_, *this, body_, dispatch_, log_) {}

// Filters are told of the end while all that they may look at is there.
Stream::~Stream() { state_.filters.reset(); }

void Stream::enter(Phase next) {
  WEIR_ASSERT(may_follow(phase_, next));
  phase_ = next;
}

// ---- From a head to a route --------------------------------------------------------------------

void Stream::on_head(MessageHead& head) {
  state_.request = static_cast<RequestHead*>(&head);
  state_.record.request = state_.request;
  state_.record.times.head = state_.context.net.loop.now();
  body_.begin();
  const http::Failure failure = routing_.admit();
  failure != http::Failure::None ? fail(failure) : route();
}

// A head that is no request at all is nothing for the log.
void Stream::on_refused_head(RequestHead& head) {
  state_.partial = &head;
  const bool is_request =
      head.protocol == Protocol::Http2 ? !head.method_text.empty() : !head.target.empty();
  if (is_request) state_.record.request = &head;
}

void Stream::route() {
  enter(Phase::Route);
  http::Failure failure = routing_.take();
  if (state_.policy) {
    // Also for the answer to a request that is refused.
    if (state_.filters || state_.policy->filters.has_some_for(0))
      filters().enter(state_.policy->filters);
    if (failure == http::Failure::None && body_.is_too_long())
      failure = http::Failure::RequestBodyTooLarge;
  }
  failure != http::Failure::None ? fail(failure) : pass_request();
}

// ---- The filters of the request ----------------------------------------------------------------

FilterRun& Stream::filters() {
  if (!state_.filters) state_.filters.reset(new FilterRun(state_, *this, {body_, answer_}));
  return *state_.filters;
}

void Stream::pass_request() {
  enter(Phase::Request);
  routing_.enter();
  on_request_pass(state_.filters ? state_.filters->run_request() : Pass::Through);
}

void Stream::on_request_pass(Pass pass) {
  if (pass == Pass::Waits) return;
  if (pass != Pass::Through && pass != Pass::Reroutes) return on_decided(Direction::Request, pass);
  if (const http::Failure failure = routing_.check_path(); failure != http::Failure::None)
    return fail(failure);
  if (pass == Pass::Through) return begin_request_body();
  routing_.may_begin_again() ? route() : fail(http::Failure::FilterFailed);
}

void Stream::begin_request_body() {
  RequestHead& request = *state_.request;
  const bool has_body = request.framing.end != BodyEnd::None && !request.wants_upgrade;
  // On the way to a fallback: what has been read passes no more filters.
  if (has_body && body_.has_begun())
    return state_.filters->has_missed_body() ? answer(dispatch_.last_failure()) : act();
  BodyPipe* const through =
      state_.filters && has_body ? state_.filters->open_pipe(Direction::Request) : nullptr;
  const Framing& framing = request.framing;
  if (through && framing.end == BodyEnd::Length && !through->takes(framing.length)) return;
  const bool is_collecting = through && through->is_collecting();
  if (through && body_.is_complete()) {
    body_.tell_end();
    if (phase_ != Phase::Request) return;
  }
  if (!is_collecting) return act();
  if (std::exchange(request.expects_continue, false)) {
    // Who reads the body before a server does tells the client to send it.
    ResponseHead& go_on = state_.arena.array<ResponseHead>(1)[0];
    go_on.status = 100;
    answer_.write_interim(go_on);
  }
  state_.client.resume();
}

void Stream::on_collected(Direction direction) {
  if (direction == Direction::Response) return write_answer();
  if (body_.is_complete()) body_.keep_all();
  act();
}

// A filter that held a body up has let it go on.
void Stream::on_released(Direction direction) {
  if (direction == Direction::Response) return answer_.go_on();
  if (!body_.is_complete()) state_.client.resume();
}

// The page that says so may be refused in its turn, which is the same refusal.
void Stream::on_refused(Direction, http::Failure why) {
  if (why == http::Failure::Overloaded && state_.record.failure != why)
    state_.context.body_memory.note_refusal();
  fail(why);
}

void Stream::on_decided(Direction direction, Pass pass) {
  if (pass == Pass::Breaches) return fail(http::Failure::FilterBreach);
  if (pass == Pass::Aborts) return fail(http::Failure::FilterAborted);
  if (direction == Direction::Response) {
    // It stands in for the answer that the filters have seen already.
    replace_answer();
    return write_answer();
  }
  const FilterReply reply = state_.filters->take_reply();
  reply.failure != http::Failure::None ? fail(reply.failure) : answer(reply.local, reply.source);
}

// ---- What the route does -----------------------------------------------------------------------

void Stream::act() {
  WEIR_ASSERT(state_.record.route && state_.policy);
  if (dispatch_.backend()) return on_dispatched(dispatch_.go_on());
  const config::Action& action = state_.record.route->action;
  Arena& arena = state_.arena;
  switch (action.kind) {
    case config::Act::Forward: return forward();
    case config::Act::Close: return fail(http::Failure::Denied);
    case config::Act::Metrics: {
      const MetricNames names(*state_.context.snapshot);
      return answer(make_metrics_reply(names, state_.context.segment, arena));
    }
    case config::Act::Ready: {
      std::string_view why = why_not_ready(state_.context.segment, state_.policy->listener);
      if (why.empty() && state_.client.listener().is_full())
        why = "no more connections are accepted";
      return answer(make_ready_reply(why, arena));
    }
    case config::Act::Respond: {
      const std::string_view text = expand(state_.policy->text, state_.record, arena);
      return answer(make_text_reply(action.status, text, arena));
    }
    case config::Act::Redirect: {
      const std::string_view url = expand_url(state_.policy->text, state_.record, arena);
      return answer(make_redirect(action.status, url, arena));
    }
  }
}

void Stream::forward() {
  const http::HopVerdict verdict = http::count_hop(*state_.request, state_.arena);
  if (verdict != http::HopVerdict::Forward) {
    state_.record.backend = &state_.context.backends[state_.policy->backend]->policy().config;
    switch (verdict) {
      case http::HopVerdict::Malformed: return fail(http::Failure::RequestSyntax);
      case http::HopVerdict::Loop: return fail(http::Failure::ForwardingLoop);
      default: return answer(make_final_reply(*state_.request, state_.arena));
    }
  }
  on_dispatched(dispatch_.begin());
}

// ---- The server --------------------------------------------------------------------------------

// A policy that looks at requests sees this one as a filter would.
StreamView& Stream::view() { return filters(); }

void Stream::on_dispatched(const Dispatched& where) {
  switch (where.to) {
    case Dispatched::To::Queue:
    case Dispatched::To::Connection: return;
    case Dispatched::To::Server: return on_attempt_ready();
    case Dispatched::To::Fallback: break;
    case Dispatched::To::Nobody: return answer(where.failure);
  }
  // Its own filters come first, as far as they have not looked at the request yet.
  enter(Phase::Request);
  routing_.enter();
  dispatch_.fall_back();
  filters().fall_back(dispatch_.place());
  on_request_pass(filters().run_request());
}

bool Stream::may_fall_back(std::size_t backend) {
  return filters().may_fall_back(state_.policy->filters, backend, body_.has_begun());
}

void Stream::on_attempt_ready() {
  WEIR_ASSERT(dispatch_.server() && !answer_.has_begun());
  enter(Phase::Send);
  const RequestHead& request = *state_.request;
  http::WriteOptions options;
  options.framing = request.framing;
  options.expect_continue = request.expects_continue;
  options.te_trailers = http::list_has(request.headers, FieldName::Te, "trailers");
  if (request.wants_upgrade)
    options.upgrade = http::combined_list(request.headers, FieldName::Upgrade, state_.arena);
  if (FilterRun* filters = state_.filters.get()) {
    const Record& record = state_.record;
    filters->tell_attempt({record.backend->name, record.server->name, record.attempts});
    options.framing = filters->framing(Direction::Request, options.framing);
  }
  dispatch_.server()->write_request(request, options);
  if (body_.replay()) return enter(Phase::Await);
  if (BodyPipe* through = state_.pipe(Direction::Request)) through->run();
  if (!body_.is_complete()) state_.client.resume();
}

void Stream::on_attempt_sent() {
  if (tunnel_) return tunnel_->tunnel.on_sent();
  body_.push();
  if (!body_.is_complete()) state_.client.resume();
}

void Stream::on_request_sent() {
  if (phase_ == Phase::Send) enter(Phase::Await);
}

void Stream::on_attempt_failed(http::Failure failure) {
  if (phase_ == Phase::Finish) return;
  state_.record.failure = failure;
  if (tunnel_) return abort();
  if (answer_.has_begun()) return fail(failure);
  // What has answered once is not asked again, though filters still look at the answer.
  if (phase_ < Phase::Respond)
    if (const auto next = dispatch_.try_again(failure)) return on_dispatched(*next);
  answer(failure);
}

// ---- The request's body ------------------------------------------------------------------------

bool Stream::wants_body() const { return tunnel_ ? tunnel_->tunnel.wants(Way::Up) : body_.wants(); }

void Stream::on_body(std::span<const char> bytes) {
  if (tunnel_) return tunnel_->tunnel.take(Way::Up, bytes);
  if (const http::Failure failure = body_.take(bytes); failure != http::Failure::None)
    fail(failure);
}

void Stream::on_end(const Headers& trailers) {
  if (tunnel_) return tunnel_->tunnel.take_end(Way::Up);
  const bool was_for_the_next = !body_.is_complete() && body_.is_discarded() && answer_.is_done();
  body_.take_end(trailers);
  // The rest of a request that was answered has been read for the sake of the next one.
  if (was_for_the_next) state_.client.finish(answer_.may_keep());
}

bool Stream::is_request_complete() const {
  return body_.is_complete() && !(tunnel_ && tunnel_->tunnel.awaits_client());
}

bool Stream::ends_with_client() const {
  if (tunnel_ || phase_ < Phase::Request || phase_ > Phase::Relay) return false;
  const bool is_cut = !body_.is_complete() && !answer_.has_begun();
  return is_cut || state_.policy->client_close == config::ClientClose::Abort;
}

// ---- The answer --------------------------------------------------------------------------------

bool Stream::is_switch(const ResponseHead& head) const {
  return head.status == 101 ||
         (state_.request->method == Method::Connect && head.status / 100 == 2);
}

void Stream::on_response(ResponseHead& head) {
  state_.record.times.first_byte = state_.context.net.loop.now();
  if (is_switch(head)) {
    if (!state_.request->wants_upgrade) return answer(http::Failure::UpgradeRefused);
    if (!is_proven(head)) return answer(http::Failure::UpgradeUnproven);
  } else if (const auto next = dispatch_.ask_another(head.status)) {
    return on_dispatched(*next);
  }
  state_.record.failure = http::Failure::None;  // that of an earlier attempt
  body_.forget();
  dispatch_.give_answer_to(answer_);
  answer_.take(head);
  pass_answer();
}

// A server's answer, or one of weir's own: policies hold for both.
void Stream::pass_answer() {
  const bool is_refusal = phase_ < Phase::Request;
  enter(Phase::Respond);
  if (!state_.policy && routing_.take_unrouted() && state_.policy->filters.has_some_for(0))
    filters().enter(state_.policy->filters);
  if (is_refusal) {
    state_.refusal = state_.record.failure;
    // Whose like has crashed workers is not shown to filters, one of which may be the reason.
    if (state_.filters && !routing_.is_quarantined())
      if (const Pass pass = state_.filters->run_request(Callback::Refused); pass != Pass::Through)
        return on_decided(Direction::Request, pass);
  }
  on_response_pass(state_.filters ? state_.filters->run_response() : Pass::Through);
}

void Stream::on_response_pass(Pass pass) {
  if (pass == Pass::Waits) return;
  if (pass != Pass::Through) return on_decided(Direction::Response, pass);
  if (!answer_.is_local() && is_switch(*state_.response)) return start_tunnel();
  if (answer_.open()) write_answer();
}

void Stream::write_answer() {
  WEIR_ASSERT(state_.response);
  enter(Phase::Relay);
  answer_.write();
}

// On the way of an answer, of which nothing has left.
void Stream::replace_answer() {
  WEIR_ASSERT(state_.filters && can_respond());
  const FilterReply reply = state_.filters->take_reply();
  dispatch_.drop();
  state_.filters->stop();
  body_.discard();
  if (reply.failure == http::Failure::None) return answer_.take(reply.local, reply.source);
  state_.record.failure = reply.failure;
  answer_.take(reply_for(reply.failure, state_), nullptr);
}

bool Stream::holds_slot_of(std::uint32_t backend) const { return dispatch_.holds_slot_of(backend); }

void Stream::on_client_sent() { tunnel_ ? tunnel_->tunnel.on_sent() : answer_.on_client_sent(); }

void Stream::on_answered() {
  WEIR_ASSERT(answer_.is_done());
  if (answer_.is_local()) return finish(answer_.may_keep());
  const bool is_request_sent = body_.is_complete();
  dispatch_.end(is_request_sent && state_.response->keep_alive && body_.held() == 0);
  finish(answer_.may_keep() && is_request_sent);
}

void Stream::finish(bool keep) {
  enter(Phase::Finish);
  if (keep && !body_.is_complete()) {
    body_.discard();
    return state_.client.resume();
  }
  // Whoever got a whole answer finds it in the log, even if we are killed at the next instruction: so
  // the line is written before the last bytes leave, unless they have to wait for the client.
  if (state_.client.leaves_at_once() && answer_.held() == 0) log();
  state_.client.finish(keep);
}

// ---- Failures ----------------------------------------------------------------------------------

void Stream::fail(http::Failure failure) {
  Record& record = state_.record;
  const bool is_silent = failure == http::Failure::ClientGone || failure == http::Failure::None;
  const bool is_answered = phase_ == Phase::Finish && answer_.is_done() && !tunnel_;
  // Only the rest of the request is missing, which nobody needs: what was answered is to arrive.
  if (is_answered && !is_silent && failure != http::Failure::ClientSendTimeout) {
    if (record.failure == http::Failure::None) record.failure = failure;
    return state_.client.finish(false);
  }
  if (failure != http::Failure::None) record.failure = failure;
  // Who wrote the expression has to know; the log says no more often than it can be read.
  if (failure == http::Failure::RegexLimit)
    weir::log(Level::Warn, "listener ", record.listener->name, ", route ",
              record.route ? std::string_view(record.route->name) : std::string_view(),
              ": a regular expression reached its step limit, the request is refused");
  const bool has_answer = http::traits(failure).status != 0;
  if (!is_silent && answer_.has_begun() && !tunnel_) answer_.take_back();
  if (failure == http::Failure::ClientGone && !answer_.is_done()) record.status = 499;
  if (!is_silent && has_answer && !tunnel_ && answer_.may_end_call()) {
    stop();
    body_.discard();
    answer_.end_call(failure);
    return finish(false);
  }
  if (!is_silent && has_answer && !answer_.has_begun()) return answer(failure);
  // That of an answer of which nothing has left, nor will.
  if (!answer_.has_begun() && failure != http::Failure::ClientGone) record.status = 0;
  stop();
  abort();
}

void Stream::answer(http::Failure failure) {
  state_.record.failure = failure;
  answer(reply_for(failure, state_));
}

// In place of whatever was under way.
void Stream::answer(const LocalReply& reply, BodySource* source) {
  stop();
  body_.discard();
  answer_.take(reply, source);
  pass_answer();
}

void Stream::stop() {
  if (tunnel_) tunnel_->tunnel.stop();
  if (state_.filters) state_.filters->stop();
  answer_.stop();
  dispatch_.stop();
}

void Stream::abort() {
  enter(Phase::Finish);
  state_.client.abort();
}

// ---- For those who watch -----------------------------------------------------------------------

std::string_view Stream::phase_name() const { return tunnel_ ? "tunnel" : name_of(phase_); }

void Stream::describe(shm::SessionRow& row, std::uint64_t now) const {
  const Record& record = state_.record;
  shm::set_text(row.phase, phase_name());
  if (state_.request) {
    shm::set_text(row.method, state_.request->method_text);
    shm::set_text(row.path, state_.request->path);
  }
  row.request_us = now - record.times.begun;
  row.bytes_in = record.bytes_in();
  row.bytes_out = record.bytes_out;
  if (record.route) row.route = static_cast<std::int32_t>(record.route->number);
  if (record.server) row.server = static_cast<std::int32_t>(record.server_slot);
}

}  // namespace weir::proxy
