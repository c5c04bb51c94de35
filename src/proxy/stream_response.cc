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

void Stream::on_response(ResponseHead& head) {
  record_.times.first_byte = context_.net.loop.now();
  if (head.status == 101 || (request_->method == Method::Connect && head.status / 100 == 2))
    return start_tunnel(head);
  if (!policy_->retry.on_status.empty() && Retries::allow(head.status, last_attempt()) &&
      ask_another(head.status))
    return;
  phase_ = Phase::Respond;
  record_.failure = http::Failure::None;  // that of an earlier attempt
  add_date(head);
  run_response_policies(head);
  Framing framing = head.framing;
  bool keep = body_.is_complete();
  if (framing.end == BodyEnd::Close || framing.end == BodyEnd::Chunked) {
    // Without chunks only the end of the connection can tell the end of the body.
    framing.end = request_->minor > 0 ? BodyEnd::Chunked : BodyEnd::Close;
    if (request_->minor == 0) keep = false;
  }
  start_response(head, framing, keep);
  phase_ = Phase::Relay;
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

void Stream::start_response(ResponseHead& head, const Framing& framing, bool keep) {
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
  return session_.has_room() && down_.held() == 0;
}

// Bytes that are encrypted or framed have to be seen.
bool Stream::can_move_response() const {
  const net::Transport* client = session_.wire().transport;
  return client && client->can_splice();
}

void Stream::on_response_body(std::span<const char> bytes) {
  if (tunnel_) return tunnel_->tunnel.take(Way::Down, bytes);
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
  response_done_ = true;
  Headers passed;
  if (!trailers.empty()) passed.assign(arena_, trailers.fields());
  http::remove_nominated(response_->headers, passed);
  count_head_out(session_.write_end(passed));
  const bool request_sent = body_.is_complete();
  const bool reusable = request_sent && response_->keep_alive && body_.held() == 0;
  attempt_->end(reusable);
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
    record_.bytes_out += bytes;
    context_.journal.count(record_);
    record_.bytes_out -= bytes;
  }
  context_.journal.settle_access(whole);
}

void Stream::log() {
  if (logged_) return;
  logged_ = true;
  record_.times.ended = context_.net.loop.read_clock();
  context_.journal.count(record_);
  if (!context_.access_log) return;
  context_.journal.write_access(context_.access_log->line(record_));
}

}  // namespace weir::proxy
