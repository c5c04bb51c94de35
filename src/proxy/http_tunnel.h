// SPDX-License-Identifier: Apache-2.0
//
// HttpTunnel: the tunnel that an upgrade or CONNECT has become, between what were the client's and the server's side of a
// stream.
#pragma once

#include <weir/headers.h>

#include "base/pooled.h"
#include "proxy/attempt.h"
#include "proxy/client_side.h"
#include "proxy/tunnel.h"
#include "upstream/server_side.h"

namespace weir::proxy {

/// ClientSide and ServerSide say the same to a tunnel: they carry bytes and have a wire.
template <typename Side>
class SideEnd final : public TunnelEnd {
 public:
  explicit SideEnd(Side& side) : side_(side) {}
  net::Transport* transport() override { return side_.wire().transport; }
  Inbox* early() override { return side_.wire().inbox; }
  bool has_room() const override { return side_.has_room(); }
  void write(std::span<const char> bytes) override { (void)side_.write_body(bytes); }
  void write_end() override { (void)side_.write_end(Headers()); }
  void resume() override { side_.resume(); }

 private:
  Side& side_;
};

/// The server's end of a stream of HTTP/2 speaks as an answer goes on.
struct HttpTunnel final : Pooled<HttpTunnel>, AnswerSink {
  HttpTunnel(const net::Context& context, Random& random, TunnelEvents& events, ClientSide& from,
             upstream::ServerSide& to)
      : client(from), server(to), tunnel(context, random, events, client, server) {}

  bool wants_answer() const override { return tunnel.wants(Way::Down); }
  void take_answer(std::span<const char> bytes) override { tunnel.take(Way::Down, bytes); }
  void take_answer_end(const Headers&) override { tunnel.take_end(Way::Down); }
  bool can_move_answer() const override { return false; }
  net::IoResult move_answer() override { return {net::Io::Again}; }

  SideEnd<ClientSide> client;
  SideEnd<upstream::ServerSide> server;
  Tunnel tunnel;
};

}  // namespace weir::proxy
