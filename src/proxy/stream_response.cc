// SPDX-License-Identifier: Apache-2.0
//
// The response's half of a stream: from a server's head to the client's last byte.
#include "http/field.h"
#include "http/hop_by_hop.h"
#include "proxy/client_side.h"
#include "proxy/stream.h"
#include "shm/server_table.h"

#include <algorithm>

namespace weir::proxy {

void Stream::on_interim(ResponseHead& head) {
  // A client of HTTP/1.0 does not know interim answers.
  if (request_->minor == 0) return;
  count_head_out(session_.write_head(head, {}));
}

bool Stream::is_switch(const ResponseHead& head) const {
  return head.status == 101 || (request_->method == Method::Connect && head.status / 100 == 2);
}

void Stream::on_response(ResponseHead& head) {
  record_.times.first_byte = context_.net.loop.now();
  if (is_switch(head)) {
    if (!is_proven(head)) {
      attempt_.reset();
      return answer(http::Failure::UpgradeRefused);
    }
  } else if (!policy_->retry.on_status.empty() && Retries::allow(head.status, last_attempt()) &&
             ask_another(head.status)) {
    return;
  }
  record_.failure = http::Failure::None;  // that of an earlier attempt
  begin_answer(head);
}

// A server's answer, or one of weir's own: policies hold for both.
void Stream::begin_answer(ResponseHead& head) {
  phase_ = Phase::Respond;
  take_head(head);
  if (!policy_) {  // then those of the listener
    if (const RoutePolicy* unrouted = session_.listener().rules().unrouted()) {
      policy_ = PolicyPin(*unrouted);
      enter_filters();
    }
  }
  on_response_pass(filters_ ? filters_->run_response() : Pass::Through);
}

void Stream::take_head(ResponseHead& head) {
  add_date(head);
  response_ = &head;
  record_.response = &head;
  record_.status = head.status;
}

void Stream::on_response_pass(Pass pass) {
  if (pass == Pass::Waits) return;
  if (pass != Pass::Through) return on_decided(Direction::Response, pass);
  if (!is_local_ && is_switch(*response_)) return start_tunnel(*response_);
  BodyPipe* const through =
      filters_ && has_body() ? filters_->open_pipe(Direction::Response) : nullptr;
  if (!through || !through->is_collecting()) return write_answer();
  if (is_local_) return feed_local();
  if (response_ended_) return through->take_end(std::move(trailers_));
  attempt_->connection()->resume();
}

// Bytes may follow to the head.
bool Stream::has_body() const {
  if (request_ && request_->method == Method::Head) return false;
  if (is_local_) return producer_ || !local_.body.empty();
  return response_->framing.end != BodyEnd::None;
}

// A recipient with a clock says when it got what came without a Date (RFC 9110 §6.6.1).  Before filters, so that
// the operator has the last word.
void Stream::add_date(ResponseHead& head) {
  if (head.headers.has(FieldName::Date)) return;
  head.headers.add(arena_, FieldName::Date, arena_.copy(context_.date.text()));
}

// If there is nobody, the answer that has come counts.
bool Stream::ask_another(std::uint16_t status) {
  retries_.leave(attempt_->server());
  upstream::Backend* const asked = backend_;
  const upstream::Chosen chosen = choose_server(upstream::Turn::Ours);
  if (!chosen.server) {
    backend_ = asked;
    record_.backend = &asked->config();
    return false;
  }
  record_.retry_reason = arena_.copy(std::to_string(status));
  attempt_.reset();
  start_attempt(chosen);
  return true;
}

bool Stream::may_keep_local() const {
  const bool is_at_fault = http::traits(record_.failure).blame == http::Blame::Client;
  return request_ && !is_at_fault && (body_.is_complete() || body_.is_rest_small());
}

Framing Stream::framing_of_answer(bool& keep) const {
  Framing framing = response_->framing;
  if (is_local_) {
    keep = may_keep_local();
    if (!producer_) framing = {BodyEnd::Length, local_.body.size()};
    if (producer_ && framing.end != BodyEnd::Length) framing = {BodyEnd::Chunked, 0};
  } else {
    keep = body_.is_complete();
  }
  if (filters_ && has_body()) framing = filters_->framing(Direction::Response, framing);
  if (filters_ && !has_body() && filters_->hides_length(Direction::Response)) {
    framing = {};
    response_->headers.remove(FieldName::ContentLength);
  }
  if (framing.end == BodyEnd::Close || framing.end == BodyEnd::Chunked) {
    // Without chunks only the end of the connection can tell the end of the body.
    const bool knows_chunks = !request_ || request_->minor > 0;
    framing.end = knows_chunks ? BodyEnd::Chunked : BodyEnd::Close;
    keep = keep && knows_chunks;
  }
  return framing;
}

// The head, once nobody keeps it any more; what follows to it is on its way or comes then.
void Stream::write_answer() {
  bool keep = false;
  const Framing framing = framing_of_answer(keep);
  start_response(framing, keep);
  phase_ = Phase::Relay;
  if (is_local_ && !is_fed_) return feed_local();
  if (is_local_) return;
  if (response_ended_) {
    BodyPipe* const through = pipe(Direction::Response);
    return through ? through->take_end(std::move(trailers_)) : finish_response(trailers_);
  }
  if (filters_) attempt_->connection()->resume();
}

// The body of an answer of weir's own.
void Stream::feed_local() {
  is_fed_ = true;
  if (producer_) return producer_->run();
  if (!has_body()) return finish_response(Headers());
  if (BodyPipe* through = pipe(Direction::Response)) {
    through->take({local_.body.data(), local_.body.size()});
    return through->take_end(Headers());
  }
  record_.bytes_out += session_.write_body(local_.body);
  finish_response(Headers());
}

void Stream::on_produced(std::span<const char> bytes) { on_response_body(bytes); }

void Stream::on_produced_end() {
  BodyPipe* const through = pipe(Direction::Response);
  through ? through->take_end(Headers()) : finish_response(Headers());
}

void Stream::start_response(const Framing& framing, bool keep) {
  ResponseHead& head = *response_;
  response_begun_ = true;
  record_.status = head.status;
  keep_ = keep && request_ && request_->keep_alive && session_.may_keep();
  http::WriteOptions options;
  options.framing = framing;
  options.close = !keep_;
  options.keep_alive = keep_ && request_->minor == 0;
  // Of all that belongs to one connection, the protocols that 426 asks for are meant for who reads it.
  if (head.status == 426)
    options.upgrade = http::combined_list(head.headers, FieldName::Upgrade, arena_);
  count_head_out(session_.write_head(head, options));
}

bool Stream::wants_response() const {
  if (tunnel_) return tunnel_->tunnel.wants(Way::Down);
  if (const BodyPipe* through = pipe(Direction::Response)) return through->wants();
  return response_begun_ && session_.has_room() && down_.held() == 0;
}

// Bytes that are encrypted or framed have to be seen.
bool Stream::can_move_response() const {
  const net::Transport* client = session_.wire().transport;
  return client && client->can_splice() && !pipe(Direction::Response);
}

void Stream::on_response_body(std::span<const char> bytes) {
  if (tunnel_) return tunnel_->tunnel.take(Way::Down, bytes);
  if (BodyPipe* through = pipe(Direction::Response)) return through->take(bytes);
  record_.bytes_out += session_.write_body(bytes);
}

net::IoResult Stream::move_response() {
  net::Wire server = attempt_->connection()->wire();
  std::uint64_t left = server.codec->plain_body();
  bool staged = left <= net::Pump::capacity && stage_log(left);
  net::Transport& client = *session_.wire().transport;
  net::IoResult result = down_.move(context_.net, *server.transport, client, left);
  bool whole = result.io == net::Io::Done && result.bytes == left && down_.held() == 0;
  if (staged) settle_log(whole, left);
  if (result.io == net::Io::Failed && client.has_failed()) {
    client_gone();
    return {net::Io::Again};
  }
  if (result.io == net::Io::Done) {
    session_.note_progress();
    record_.bytes_out += result.bytes;
    server.codec->skip_body(result.bytes);
  }
  return result;
}

void Stream::on_response_end(const Headers& trailers) {
  if (tunnel_) return tunnel_->tunnel.take_end(Way::Down);
  Headers passed;
  if (!trailers.empty()) passed.assign(arena_, trailers.fields());
  http::remove_nominated(response_->headers, passed);
  response_ended_ = true;
  BodyPipe* const through = pipe(Direction::Response);
  if (!response_begun_ && !through) {  // its head has to wait
    trailers_ = std::move(passed);
    return;
  }
  through ? through->take_end(std::move(passed)) : finish_response(passed);
}

void Stream::finish_response(const Headers& trailers) {
  response_done_ = true;
  // An answer of known length ends by itself, over HTTP/2 when the request has: its rest is let in meanwhile.
  const bool has_known_length = is_local_ && !producer_ && !pipe(Direction::Response);
  if (!has_known_length) count_head_out(session_.write_end(trailers));
  if (is_local_) return finish(keep_);
  const bool request_sent = body_.is_complete();
  const bool reusable = request_sent && response_->keep_alive && body_.held() == 0;
  if (attempt_) attempt_->end(reusable);
  finish(keep_ && request_sent);
}

void Stream::finish(bool keep) {
  phase_ = Phase::Finish;
  keep_ = keep;
  if (keep && !body_.is_complete()) {
    body_.discard();
    return session_.resume();
  }
  // Whoever got a whole answer finds it in the log, even if we are killed at the next instruction: so
  // the line is written before the last bytes leave, unless they have to wait for the client.
  if (session_.leaves_at_once() && down_.held() == 0) log();
  session_.finish(keep);
}

void Stream::on_client_sent() {
  if (tunnel_) return tunnel_->tunnel.on_sent();
  if (down_.held() > 0 && session_.has_room()) {
    // The last of a body may lie in the pipe while its server is already gone.
    net::Transport& to = *session_.wire().transport;
    (void)down_.move(context_.net, to, to, 0);
    if (to.has_failed()) return client_gone();
  }
  if (BodyPipe* through = pipe(Direction::Response)) through->run();
  if (producer_ && is_fed_) return producer_->run();
  if (attempt_ && attempt_->is_ready() && wants_response()) attempt_->connection()->resume();
}

std::string_view Stream::phase_name() const {
  static constexpr std::string_view phases[] = {"receive", "route", "request", "choose", "connect",
                                                "send",    "await", "respond", "relay",  "finish"};
  return tunnel_ ? "tunnel" : phases[static_cast<std::size_t>(phase_)];
}

void Stream::describe(shm::SessionRow& row, std::uint64_t now) const {
  shm::set_text(row.phase, phase_name());
  if (request_) {
    shm::set_text(row.method, request_->method_text);
    shm::set_text(row.path, request_->path);
  }
  row.request_us = now - record_.times.begun;
  row.bytes_in = record_.bytes_in();
  row.bytes_out = record_.bytes_out;
  if (record_.route) row.route = static_cast<std::int32_t>(record_.route->number);
  if (record_.server) row.server = static_cast<std::int32_t>(record_.server_slot);
}

// The bytes that a client gets next may be its last: killed right behind them, we shall have told of it.
bool Stream::stage_log(std::uint64_t bytes) {
  if (logged_ || !context_.access_log || !session_.leaves_at_once()) return false;
  record_.times.ended = context_.net.loop.read_clock();
  record_.bytes_out += bytes;
  context_.journal.stage_access(context_.access_log->line(record_));
  record_.bytes_out -= bytes;
  return true;
}

void Stream::settle_log(bool whole, std::uint64_t bytes) {
  if (whole) {
    logged_ = true;
    if (filters_) filters_->finish();
    record_.bytes_out += bytes;
    context_.journal.count(record_);
    record_.bytes_out -= bytes;
  }
  context_.journal.settle_access(whole);
}

void Stream::log() {
  if (logged_) return;
  logged_ = true;
  if (filters_) filters_->finish();
  record_.times.ended = context_.net.loop.read_clock();
  context_.journal.count(record_);
  if (!context_.access_log) return;
  context_.journal.write_access(context_.access_log->line(record_));
}

}  // namespace weir::proxy
