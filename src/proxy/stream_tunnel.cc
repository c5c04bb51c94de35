// SPDX-License-Identifier: Apache-2.0
//
// Tunnels of which at least one side is HTTP/2 (RFC 8441): what arrives there as DATA goes to the other side
// as it is, and back.
#include "http/field.h"
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
  upstream::ServerSide& connection = *attempt_->connection();
  // A server of HTTP/2 proves nothing: that it understands is what its settings say.
  if (connection.wire().transport && !is_accepted(*request_, head)) {
    attempt_.reset();
    return answer(http::Failure::UpgradeRefused);
  }
  response_ = &head;
  record_.response = &head;
  record_.status = head.status;
  response_begun_ = tunnel_ = true;
  follow_frames("websocket");
  phase_ = Phase::Relay;
  http::WriteOptions options;
  if (head.status == 101)
    options.upgrade = http::combined_list(head.headers, FieldName::Upgrade, arena_);
  add_date(head);
  count_head_out(session_.write_head(head, options));
  context_.net.outbox.flush();
  connection.become_raw();
  session_.become_raw();
  if (net::Wire wire = session_.wire(); wire.codec) wire.codec->stop();
  context_.net.loop.post(tunnel_start_);
}

void Stream::send_tunnelled(std::span<const char> bytes) {
  upstream::ServerSide& connection = *attempt_->connection();
  if (net::Transport* server = connection.wire().transport)
    context_.net.outbox.to(*server).refer(bytes);
  else
    connection.write_body(bytes);
}

void Stream::take_tunnelled(std::span<const char> bytes) {
  if (up_ended_) return;
  send_tunnelled(bytes.first(pass_frames(Way::Up, bytes)));
  if (leaving_) context_.net.loop.post(tunnel_start_);
}

void Stream::tell_client(std::span<const char> bytes) {
  net::Transport* client = session_.wire().transport;
  if (!client) {
    record_.bytes_out += session_.write_body(bytes);
    return;
  }
  record_.bytes_out += bytes.size();
  context_.net.outbox.to(*client).refer(bytes);
}

void Stream::give_tunnelled(std::span<const char> bytes) {
  if (down_ended_) return;
  session_.note_progress();
  tell_client(bytes.first(pass_frames(Way::Down, bytes)));
  if (leaving_) context_.net.loop.post(tunnel_start_);
}

// From a client that has its connection for itself, as far as the server has room; false if it broke.
bool Stream::move_up(const net::Wire& client) {
  if (!client.inbox->empty()) {
    record_.content_in += client.inbox->size();
    take_tunnelled(client.inbox->bytes());
    client.inbox->clear();
  }
  for (int rounds = 0;
       !up_ended_ && !is_farewell_due(Way::Up) && attempt_->connection()->has_room(); ++rounds) {
    if (rounds == most_rounds) {
      context_.net.loop.post(tunnel_start_);
      break;
    }
    const net::IoResult result = client.transport->read(context_.net.read_buffer);
    if (result.io == net::Io::Again) break;
    if (result.io == net::Io::Failed) return false;
    up_ended_ = result.io == net::Io::End;
    if (up_ended_) break;
    session_.note_progress();
    record_.content_in += result.bytes;
    take_tunnelled(context_.net.read_buffer.first(result.bytes));
  }
  return true;
}

// From such a server, as far as the client has room.
void Stream::move_down(const net::Wire& server) {
  if (!server.inbox->empty()) {
    give_tunnelled(server.inbox->bytes());
    context_.net.outbox.flush();
    server.inbox->clear();
  }
  for (int rounds = 0; !down_ended_ && !is_farewell_due(Way::Down) && session_.has_room();
       ++rounds) {
    if (rounds == most_rounds) return context_.net.loop.post(tunnel_start_);
    const net::IoResult result = server.transport->read(context_.net.read_buffer);
    if (result.io == net::Io::Again) return;
    down_ended_ = result.io != net::Io::Done;
    if (down_ended_) return;
    give_tunnelled(context_.net.read_buffer.first(result.bytes));
    context_.net.outbox.flush();
  }
}

// Tells both sides that this is the end, each between two of its frames.
void Stream::say_framed_farewells() {
  char room[http::websocket_close_size];
  if (!up_ended_ && is_farewell_due(Way::Up)) {
    send_tunnelled(farewell(Way::Up, room));
    up_ended_ = true;
  }
  if (!down_ended_ && is_farewell_due(Way::Down)) {
    tell_client(farewell(Way::Down, room));
    down_ended_ = true;
  }
  context_.net.outbox.flush();
}

void Stream::run_framed_tunnel() {
  if (phase_ == Phase::Finish) return;
  session_.resume();
  if (phase_ == Phase::Finish || !attempt_ || !attempt_->connection()) return;
  const net::Wire client = session_.wire();
  if (client.transport && !move_up(client)) return session_.abort();
  context_.net.outbox.flush();
  const net::Wire server = attempt_->connection()->wire();
  if (server.transport)
    move_down(server);
  else
    attempt_->connection()->resume();
  if (phase_ == Phase::Finish || !attempt_ || !attempt_->connection()) return;
  say_framed_farewells();
  for (const net::Wire& side : {client, server})
    if (side.transport && side.transport->has_failed()) return session_.abort();
  if (up_ended_ && server.transport) server.transport->shut_down();
  if (up_ended_ && !server.transport) attempt_->connection()->write_end(Headers());
  // A server that has ended hears nothing any more.
  if (!down_ended_ || (leaving_ && (!up_ended_ || !has_server_ended()))) return;
  phase_ = Phase::Finish;
  deadline_.clear();
  request_done_ = !leaving_ || !client.transport;
  response_done_ = true;
  attempt_.reset();
  session_.finish(false);
}

}  // namespace weir::proxy
