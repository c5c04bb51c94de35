// SPDX-License-Identifier: Apache-2.0
//
// Tunnels over HTTP/2 (RFC 8441): what the client sends as DATA goes to the server as it is, and back.
#include "http/websocket.h"
#include "proxy/client_side.h"
#include "proxy/stream.h"

namespace weir::proxy {

namespace {

constexpr int most_rounds = 4;  // in one turn, before others get their share

bool is_accepted(const RequestHead& request, const ResponseHead& head) {
  const Field* key = request.headers.find("sec-websocket-key");
  const Field* accept = head.headers.find("sec-websocket-accept");
  return head.status == 101 && key && accept && accept->value == http::websocket_accept(key->value);
}

}  // namespace

void Stream::start_framed_tunnel(ResponseHead& head) {
  if (!is_accepted(*request_, head)) {
    attempt_.reset();
    return answer(http::Failure::UpgradeRefused);
  }
  response_ = &head;
  record_.response = &head;
  record_.status = head.status;
  response_begun_ = tunnel_ = true;
  follow_frames("websocket");
  phase_ = Phase::Relay;
  attempt_->connection()->become_raw();
  session_.become_raw();
  record_.bytes_out += session_.write_head(head, {});
  context_.net.loop.post(tunnel_start_);
}

void Stream::take_tunnelled(std::span<const char> bytes) {
  if (up_ended_) return;
  net::Transport& server = attempt_->connection()->transport();
  context_.net.outbox.to(server).refer(bytes.first(pass_frames(Way::Up, bytes)));
  if (leaving_) context_.net.loop.post(tunnel_start_);
}

// From the server, as far as the client has room.
void Stream::move_down() {
  upstream::Connection& connection = *attempt_->connection();
  if (Inbox& early = connection.inbox(); !early.empty()) {
    record_.bytes_out +=
        session_.write_body(early.bytes().first(pass_frames(Way::Down, early.bytes())));
    early.clear();
  }
  for (int rounds = 0; !down_ended_ && !is_farewell_due(Way::Down) && session_.has_room();
       ++rounds) {
    if (rounds == most_rounds) return context_.net.loop.post(tunnel_start_);
    const net::IoResult result = connection.transport().read(context_.net.read_buffer);
    if (result.io == net::Io::Again) return;
    down_ended_ = result.io != net::Io::Done;
    if (down_ended_) return;
    session_.note_progress();
    const std::span<const char> bytes = context_.net.read_buffer.first(result.bytes);
    record_.bytes_out += session_.write_body(bytes.first(pass_frames(Way::Down, bytes)));
  }
}

// Tells both sides that this is the end, each between two of its frames.
void Stream::say_framed_farewells() {
  char room[http::websocket_close_size];
  if (!up_ended_ && is_farewell_due(Way::Up)) {
    context_.net.outbox.to(attempt_->connection()->transport()).refer(farewell(Way::Up, room));
    context_.net.outbox.flush();
    up_ended_ = true;
  }
  if (!down_ended_ && is_farewell_due(Way::Down)) {
    record_.bytes_out += session_.write_body(farewell(Way::Down, room));
    down_ended_ = true;
  }
}

void Stream::run_framed_tunnel() {
  if (phase_ == Phase::Finish) return;
  session_.resume();
  if (phase_ == Phase::Finish || !attempt_) return;
  context_.net.outbox.flush();
  net::Transport& server = attempt_->connection()->transport();
  move_down();
  say_framed_farewells();
  if (server.has_failed()) return session_.abort();
  if (up_ended_) server.shut_down();
  // A server that has ended hears nothing any more.
  if (!down_ended_ || (leaving_ && (!up_ended_ || !has_server_ended()))) return;
  phase_ = Phase::Finish;
  deadline_.clear();
  request_done_ = response_done_ = true;
  attempt_.reset();
  session_.finish(false);
}

}  // namespace weir::proxy
