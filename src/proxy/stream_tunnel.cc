// SPDX-License-Identifier: Apache-2.0
//
// How a stream becomes a tunnel, and what is left of it when that is over.
#include "base/characters.h"
#include "http/field.h"
#include "http/websocket.h"
#include "proxy/client_side.h"
#include "proxy/stream.h"

namespace weir::proxy {

// Over HTTP/2, on either side, tunnels are those of WebSocket (RFC 8441).  Then a server of HTTP/1 has to prove that it has
// understood; one of HTTP/2 proves nothing, since that it understands is what its settings say.
bool Stream::is_proven(const ResponseHead& head) const {
  if (state_.client.wire().transport || !dispatch_.server()->wire().transport) return true;
  const Field* key = state_.request->headers.find("sec-websocket-key");
  const Field* accept = head.headers.find("sec-websocket-accept");
  return head.status == 101 && key && accept && accept->value == http::websocket_accept(key->value);
}

void Stream::start_tunnel() {
  enter(Phase::Relay);
  const ResponseHead& head = *state_.response;
  http::WriteOptions options;
  if (head.status == 101)
    options.upgrade = http::combined_list(head.headers, FieldName::Upgrade, state_.arena);
  answer_.write_switch(options);
  const net::Context& net = state_.context.net;
  net.outbox.flush();
  upstream::ServerSide& server = *dispatch_.server();
  server.become_raw();
  state_.client.become_raw();
  const net::Wire client = state_.client.wire();
  if (client.codec) client.codec->stop();
  const bool has_streams = !client.transport || !server.wire().transport;
  tunnel_.reset(new HttpTunnel(net, state_.context.random, *this, state_.client, server));
  dispatch_.give_answer_to(*tunnel_);
  tunnel_->tunnel.start(has_streams || iequals(options.upgrade, "websocket"),
                        {state_.policy->client.tunnel, state_.client.lifetime_end()});
}

const event::Subject& Stream::subject() const { return state_.client; }

void Stream::on_raw_readable() {
  if (tunnel_) tunnel_->tunnel.run();
}

void Stream::on_tunnelled(Way way, std::size_t bytes) {
  (way == Way::Up ? state_.record.content_in : state_.record.bytes_out) += bytes;
}

void Stream::on_tunnel_end(bool whole) {
  enter(Phase::Finish);
  answer_.close();
  dispatch_.drop();
  whole ? state_.client.finish(false) : state_.client.abort();
}

}  // namespace weir::proxy
