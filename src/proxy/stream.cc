// SPDX-License-Identifier: Apache-2.0
//
// The request's half of a stream: from the head to a server, again if need be.
#include "proxy/stream.h"

#include <weir/log.h>

#include "http/field.h"
#include "http/fingerprint.h"
#include "http/grpc.h"
#include "http/head_size.h"
#include "http/hop_by_hop.h"
#include "http/hop_limit.h"
#include "http/message.h"
#include "proxy/client_side.h"
#include "proxy/local_reply.h"
#include "proxy/readiness.h"
#include "proxy/sender.h"
#include "proxy/variables.h"

#include <algorithm>

namespace weir::proxy {

Stream::Stream(Context& context, ClientSide& session, std::uint64_t begun)
    : context_(context), session_(session), deadline_(*this) {
  record_.listener = &session.listener().identity();
  client_ = session.peer();
  record_.client_addr = client_.host(arena_.text(112));
  record_.client_port = session.peer().port();
  record_.request_id[0] = context.random();
  record_.request_id[1] = context.random();
  record_.tls = session.tls();
  if (record_.tls) record_.scheme = "https";
  record_.times.begun = begun;
  record_.wall_us = context.net.loop.wall();
}

// Filters are told of the end while all that they may look at is there.
Stream::~Stream() { filters_.reset(); }

const event::Subject& Stream::subject() const { return session_; }

RequestHead& Stream::filtered_request() {
  return request_ ? *request_ : arena_.array<RequestHead>(1)[0];
}

void Stream::on_head(MessageHead& head) {
  request_ = static_cast<RequestHead*>(&head);
  record_.request = request_;
  body_.begin(*request_);
  record_.times.head = context_.net.loop.now();
  identify();
  if (request_->major == 1 && !session_.listener().rules().listener().http1)
    return fail(http::Failure::RequestVersion);
  if (context_.quarantine.is_used() && is_quarantined()) return fail(http::Failure::Quarantined);
  if (is_misdirected()) return fail(http::Failure::RequestMisdirected);
  route();
}

// Clients use one HTTP/2 connection for all names of its certificate, and some for more than that.
bool Stream::is_misdirected() const {
  const tls::Transport* tls = request_->major == 2 ? session_.tls() : nullptr;
  return tls && !tls->context()->serves_both(tls->server_name(), request_->host);
}

// Its like has crashed workers.
bool Stream::is_quarantined() const {
  std::uint64_t print = http::fingerprint(request_->received, record_.listener->name);
  return context_.quarantine.holds(print, context_.net.loop.now());
}

// A trusted proxy got it before the client's handshake was complete: it may be a replay (RFC 8470 §5.1).
bool Stream::is_early() const {
  const TrustedProxies& trusted = context_.snapshot->trusted_proxies;
  if (trusted.empty()) return false;
  const Field* early = request_->headers.find(FieldName::EarlyData);
  return early && early->value == "1" && trusted.find(session_.peer());
}

// Runs before routes are matched: matchers and filters see the fields that the server will get, and filters may still
// change them.
void Stream::identify() {
  const Sender sender = proxy::identify(*request_, arena_, context_.snapshot->trusted_proxies,
                                        {session_.peer(), record_.client_addr, record_.scheme});
  if (!sender.by) return;
  record_.scheme = sender.scheme;
  record_.host = sender.host;
  if (sender.text.empty()) return;
  client_ = sender.address;
  record_.client_addr = sender.text;
  record_.client_port = 0;
}

void Stream::act() {
  const config::Action& action = record_.route->action;
  switch (action.kind) {
    case config::Act::Forward: return forward();
    case config::Act::Close: return fail(http::Failure::Denied);
    case config::Act::Metrics: {
      LocalReply reply =
          make_metrics_reply(MetricNames(*context_.snapshot), context_.segment, arena_);
      return answer(reply);
    }
    case config::Act::Ready: {
      std::string_view why = why_not_ready(context_.segment, policy_->listener);
      if (why.empty() && session_.listener().is_full()) why = "no more connections are accepted";
      LocalReply reply = make_ready_reply(why, arena_);
      return answer(reply);
    }
    case config::Act::Respond: {
      LocalReply reply =
          make_text_reply(action.status, proxy::expand(policy_->text, record_, arena_), arena_);
      return answer(reply);
    }
    case config::Act::Redirect: {
      LocalReply reply =
          make_redirect(action.status, expand_url(policy_->text, record_, arena_), arena_);
      return answer(reply);
    }
  }
}

void Stream::forward() {
  backend_ = context_.backends[policy_->backend].get();
  record_.backend = &backend_->config();
  switch (http::count_hop(*request_, arena_)) {
    case http::HopVerdict::Forward: break;
    case http::HopVerdict::Malformed: return fail(http::Failure::RequestSyntax);
    case http::HopVerdict::Loop: return fail(http::Failure::ForwardingLoop);
    case http::HopVerdict::Answer: {
      LocalReply reply = make_final_reply(*request_, arena_);
      return answer(reply);
    }
  }
  choose(upstream::Turn::BehindQueue);
}

// A policy that looks at requests sees this one as a filter would.
upstream::Asker Stream::asker() {
  if (backend_->looks_at_requests() && !filters_) filters_.reset(new FilterRun(*this));
  return {filters_.get(), request_->wants_upgrade ? RequestClass::Tunnel : RequestClass::Exchange};
}

// When a backend has no server left, its fallback takes over.
upstream::Chosen Stream::choose_server(upstream::Turn turn) {
  while (true) {
    const upstream::Chosen chosen = backend_->choose(retries_.tried(), turn, asker());
    const auto& fallback = backend_->fallback();
    if (chosen.server || chosen.all_busy || !fallback) return chosen;
    backend_ = context_.backends[*fallback].get();
    record_.backend = &backend_->config();
  }
}

void Stream::choose(upstream::Turn turn) {
  phase_ = Phase::Choose;
  deadline_.clear();
  upstream::Chosen chosen = choose_server(turn);
  if (chosen.server) return start_attempt(chosen);
  if (!chosen.all_busy) {
    bool tried_some = record_.failure != http::Failure::None;
    return answer(tried_some ? record_.failure : http::Failure::NoServer);
  }
  if (!backend_->wait(*this)) return answer(http::Failure::QueueFull);
  if (record_.times.queued == 0) record_.times.queued = context_.net.loop.now();
  if (policy_->queue > 0) deadline_.set(context_.net.loop, record_.times.queued + policy_->queue);
}

void Stream::start_attempt(const upstream::Chosen& chosen) {
  server_ = upstream::ServerRef(chosen.server);
  attempt_.emplace(static_cast<AttemptUser&>(*this), *backend_, *chosen.server, chosen.probe);
  phase_ = Phase::Connect;
  attempt_->start();
}

void Stream::on_deadline() noexcept {
  event::About about(context_.net.loop, session_);
  answer(http::Failure::QueueTimeout);
}

void Stream::on_slot() {
  event::About about(context_.net.loop, session_);
  choose(upstream::Turn::Ours);
}

void Stream::on_attempt_ready() {
  phase_ = Phase::Send;
  upstream::ServerSide& connection = *attempt_->connection();
  http::WriteOptions options;
  options.framing = request_->framing;
  options.expect_continue = request_->expects_continue;
  options.te_trailers = http::list_has(request_->headers, FieldName::Te, "trailers");
  if (request_->wants_upgrade)
    options.upgrade = http::combined_list(request_->headers, FieldName::Upgrade, arena_);
  if (filters_) {
    filters_->tell_attempt(
        {backend_->config().name, attempt_->server().config().name, record_.attempts});
    options.framing = filters_->framing(Direction::Request, options.framing);
  }
  connection.write_request(*request_, options);
  if (body_.replay(connection)) {
    phase_ = Phase::Await;
    return;
  }
  if (BodyPipe* through = pipe(Direction::Request)) through->run();
  if (!body_.is_complete()) session_.resume();
}

bool Stream::wants_body() const {
  if (body_.is_discarded()) return true;
  if (tunnel_) return tunnel_->tunnel.wants(Way::Up);
  if (const BodyPipe* through = pipe(Direction::Request)) return through->wants();
  // What lies in the pipe goes first.
  return attempt_ && attempt_->is_ready() && !response_done_ &&
         attempt_->connection()->has_room() && body_.held() == 0;
}

void Stream::on_body(std::span<const char> bytes) {
  if (tunnel_) return tunnel_->tunnel.take(Way::Up, bytes);
  record_.content_in += bytes.size();
  body_.count(bytes.size());
  if (body_.is_discarded()) return;
  if (body_.is_over(policy_->max_body)) return fail(http::Failure::RequestBodyTooLarge);
  if (BodyPipe* through = pipe(Direction::Request)) return through->take(bytes);
  body_.send(bytes, *attempt_->connection());
}

bool Stream::can_move_body() const {
  if (pipe(Direction::Request)) return false;
  return !attempt_ || !attempt_->is_ready() || attempt_->connection()->wire().transport;
}

net::IoResult Stream::move_body() {
  if (body_.is_discarded() || !attempt_->is_ready()) return {net::Io::Again};
  const net::IoResult result = body_.move(context_.net, session_.wire(), *attempt_->connection());
  if (result.io == net::Io::Done) record_.content_in += result.bytes;
  return result;
}

void Stream::on_end(const Headers& trailers) {
  if (tunnel_) return tunnel_->tunnel.take_end(Way::Up);
  record_.content_in += http::fields_size(trailers);
  Headers passed;
  if (!trailers.empty()) passed.assign(arena_, trailers.fields());
  if (request_) http::remove_nominated(request_->headers, passed);
  body_.note_complete();
  if (body_.is_discarded()) {
    if (response_done_) session_.finish(keep_);
    return;
  }
  if (BodyPipe* through = pipe(Direction::Request)) return through->take_end(std::move(passed));
  end_request_body(std::move(passed));
}

void Stream::end_request_body(Headers&& trailers) {
  body_.finish(std::move(trailers));
  if (!attempt_ || !attempt_->is_ready() || phase_ == Phase::Await) return;
  if (phase_ == Phase::Send) phase_ = Phase::Await;
  body_.send_end(*attempt_->connection());
}

void Stream::on_attempt_sent() {
  if (tunnel_) return tunnel_->tunnel.on_sent();
  body_.push_held(context_.net, *attempt_->connection());
  if (BodyPipe* through = pipe(Direction::Request)) through->run();
  if (!body_.is_complete()) session_.resume();
}

LastAttempt Stream::last_attempt() const {
  return {policy_->retry, record_.attempts, attempt_->is_reused(),
          http::is_idempotent(request_->method), body_.is_kept() && !response_begun_};
}

bool Stream::try_again(http::Failure failure) {
  if (!retries_.allow(failure, last_attempt(), attempt_->server())) return false;
  record_.retry_reason = http::traits(failure).name;
  attempt_.reset();
  choose(upstream::Turn::BehindQueue);
  return true;
}

void Stream::on_attempt_failed(http::Failure failure) {
  if (phase_ == Phase::Finish) return;
  record_.failure = failure;
  if (tunnel_) return session_.abort();
  if (response_begun_) return fail(failure);
  // What has answered once is not asked again, though filters still look at the answer.
  if (phase_ < Phase::Respond && try_again(failure)) return;
  answer(failure);
}

bool Stream::ends_with_client() const {
  if (tunnel_ || phase_ < Phase::Request || phase_ > Phase::Relay) return false;
  const bool is_cut = !body_.is_complete() && !response_begun_;
  return is_cut || policy_->client_close == config::ClientClose::Abort;
}

void Stream::client_gone() { fail(http::Failure::ClientGone); }

void Stream::fail(http::Failure failure) {
  if (phase_ == Phase::Finish && response_done_ && failure == http::Failure::None)
    return session_.abort();
  if (failure != http::Failure::None) record_.failure = failure;
  // Who wrote the expression has to know; the log says no more often than it can be read.
  if (failure == http::Failure::RegexLimit)
    weir::log(Level::Warn, "listener ", record_.listener->name, ", route ",
              record_.route ? std::string_view(record_.route->name) : std::string_view(),
              ": a regular expression reached its step limit, the request is refused");
  bool silent = failure == http::Failure::ClientGone || failure == http::Failure::None;
  if (!silent && response_begun_) take_response_back();
  if (failure == http::Failure::ClientGone && !response_done_) record_.status = 499;
  if (!silent && http::traits(failure).status != 0 && may_end_call()) return end_call(failure);
  if (silent || response_begun_ || http::traits(failure).status == 0) {
    stop();
    return session_.abort();
  }
  answer(failure);
}

// The head of the server's answer and what is wrong with the rest came at once, and nothing has left yet: the
// client gets an answer that says so instead of a reset.
void Stream::take_response_back() {
  if (tunnel_ || response_done_ || !session_.take_back()) return;
  response_begun_ = false;
  response_ = nullptr;
  record_.response = nullptr;
  record_.bytes_out = record_.heads_out = 0;
}

// A gRPC call ends with a status in its trailers (HTTP/2 only), so a failure can still be told when the answer has
// begun.  Not if a length was announced, which would then be wrong.
bool Stream::may_end_call() const {
  return response_begun_ && !response_done_ && !tunnel_ && request_->major == 2 &&
         response_->framing.end != BodyEnd::Length && http::is_grpc(*request_);
}

void Stream::end_call(http::Failure failure) {
  stop();
  Headers trailers;
  add_grpc_status(trailers, failure, arena_);
  response_done_ = true;
  body_.discard();
  session_.write_end(trailers);
  finish(false);
}

void Stream::answer(http::Failure failure) {
  record_.failure = failure;
  const bool is_call = request_ && http::is_grpc(*request_);
  answer(is_call ? make_grpc_reply(failure, arena_) : make_failure_reply(record_, failure, arena_));
}

void Stream::answer(const LocalReply& reply) {
  stop();
  take_local(reply);
  begin_answer(*reply.head);
}

void Stream::take_local(const LocalReply& reply) {
  local_ = reply;
  producer_.reset();
  is_local_ = true;
  is_fed_ = response_ended_ = false;
  body_.discard();
}

void Stream::stop() {
  backend_ ? backend_->stop_waiting(*this) : void();
  if (tunnel_) tunnel_->tunnel.stop();
  if (filters_) filters_->stop();
  deadline_.clear();
  attempt_.reset();
}

}  // namespace weir::proxy
