// SPDX-License-Identifier: Apache-2.0
#include "proxy/stream_state.h"

#include "proxy/client_side.h"

namespace weir::proxy {

StreamState::StreamState(Context& its_context, ClientSide& its_client, std::uint64_t begun)
    : context(its_context), client(its_client), sender(&its_client.peer()) {
  record.listener = &client.listener().identity();
  record.client_addr = sender->host(arena.text(112));
  record.client_port = client.peer().port();
  record.request_id[0] = context.random();
  record.request_id[1] = context.random();
  record.tls = client.tls();
  if (record.tls) record.scheme = "https";
  record.times.begun = begun;
  record.wall_us = context.net.loop.wall();
}

}  // namespace weir::proxy
