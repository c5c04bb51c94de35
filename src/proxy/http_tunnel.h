// SPDX-License-Identifier: Apache-2.0
//
// HttpTunnel: the tunnel that an upgrade or CONNECT has become, between what were the client's and the server's side of a
// stream.
#pragma once

#include <weir/headers.h>

#include "base/pooled.h"
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

struct HttpTunnel final : Pooled<HttpTunnel> {
  HttpTunnel(const net::Context& context, Random& random, TunnelEvents& events, ClientSide& from,
             upstream::ServerSide& to)
      : client(from), server(to), tunnel(context, random, events, client, server) {}

  SideEnd<ClientSide> client;
  SideEnd<upstream::ServerSide> server;
  Tunnel tunnel;
};

}  // namespace weir::proxy
