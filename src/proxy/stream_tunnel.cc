// SPDX-License-Identifier: Apache-2.0
//
// How a stream becomes a tunnel, and what is left of it when that is over.
#include "http/field.h"
#include "http/websocket.h"
#include "proxy/client_side.h"
#include "proxy/stream.h"

namespace weir::proxy {

// Over HTTP/2, on either side, tunnels are those of WebSocket (RFC 8441).  Then a server of HTTP/1 has to prove that it has
// understood; one of HTTP/2 proves nothing, since that it understands is what its settings say.
bool Stream::is_proven(const ResponseHead& head) const {
  if (!request_->wants_upgrade) return false;
  if (session_.wire().transport || !attempt_->connection()->wire().transport) return true;
  const Field* key = request_->headers.find("sec-websocket-key");
  const Field* accept = head.headers.find("sec-websocket-accept");
  return head.status == 101 && key && accept && accept->value == http::websocket_accept(key->value);
}

void Stream::start_tunnel(ResponseHead& head) {
  response_begun_ = true;
  phase_ = Phase::Relay;
  http::WriteOptions options;
  if (head.status == 101)
    options.upgrade = http::combined_list(head.headers, FieldName::Upgrade, arena_);
  count_head_out(session_.write_head(head, options));
  context_.net.outbox.flush();
  upstream::ServerSide& server = *attempt_->connection();
  server.become_raw();
  session_.become_raw();
  const net::Wire client = session_.wire();
  if (client.codec) client.codec->stop();
  const bool has_streams = !client.transport || !server.wire().transport;
  tunnel_.reset(new HttpTunnel(context_.net, context_.random, *this, session_, server));
  tunnel_->tunnel.start(has_streams || http::iequals(options.upgrade, "websocket"),
                        {policy_->client.tunnel, session_.lifetime_end()});
}

void Stream::on_tunnelled(Way way, std::size_t bytes) {
  (way == Way::Up ? record_.content_in : record_.bytes_out) += bytes;
}

void Stream::on_tunnel_end(bool whole) {
  phase_ = Phase::Finish;
  response_done_ = true;
  attempt_.reset();
  whole ? session_.finish(false) : session_.abort();
}

}  // namespace weir::proxy
