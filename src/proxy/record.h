// SPDX-License-Identifier: Apache-2.0
//
// Record: what is known about one request, for logs, variables and explanations.  The Stream fills
// it while it walks the phases; whoever wants to tell the story reads it and nothing else.
#pragma once

#include <weir/message.h>

#include "config/config.h"
#include "http/failure.h"
#include "tls/transport.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace weir::proxy {

/// Times in microseconds of the monotonic clock; 0 = did not happen.
struct Times {
  std::uint64_t begun = 0;       ///< first byte of the request seen
  std::uint64_t head = 0;        ///< head complete
  std::uint64_t queued = 0;      ///< began to wait for a server
  std::uint64_t chosen = 0;      ///< server chosen for the last attempt
  std::uint64_t connected = 0;   ///< connection usable (the same as chosen if it was reused)
  std::uint64_t sent = 0;        ///< request completely handed to the kernel
  std::uint64_t first_byte = 0;  ///< first byte of the answer
  std::uint64_t ended = 0;
};

/// What a filter has left for the log.
struct Note {
  std::string_view name, value;
};

struct Record {
  const config::ListenerTerms* listener = nullptr;
  const config::Route* route = nullptr;  ///< null before routing and when no route matched
  const config::Backend* backend = nullptr;
  const config::Server* server = nullptr;  ///< of the last attempt
  std::uint32_t server_slot = 0;           ///< its number in shared memory
  std::string_view server_address{};  ///< the one of its addresses in use; empty if it has but one
  std::string_view client_addr{};     ///< "192.0.2.1", "2001:db8::1", "unix:"
  std::uint16_t client_port = 0;
  const tls::Transport* tls = nullptr;  ///< the client's; null in the clear
  std::string_view scheme =
      "http";               ///< between the client and its proxy, if a trusted peer says so
  std::string_view host{};  ///< that a trusted peer names; empty = the request's own
  const RequestHead* request = nullptr;    ///< null if no head could be understood
  const ResponseHead* response = nullptr;  ///< what the client got; null before there is one
  std::uint64_t request_id[2] = {0, 0};    ///< random; printed as 32 hex digits
  // Bytes of heads, bodies, trailers and tunnels.  The framing of bodies (chunks, frames of HTTP/2) does not
  // count, and a head of HTTP/2 counts as it is before compression.
  std::uint64_t content_in = 0;  ///< received from the client, without the head
  std::uint64_t bytes_in() const { return content_in + (request ? request->received.size() : 0); }
  std::uint64_t bytes_out = 0;  ///< sent towards the client, interim answers included
  std::uint64_t heads_out = 0;  ///< of those, what belongs to heads and trailers
  void count_head(std::size_t bytes) {
    bytes_out += bytes;
    heads_out += bytes;
  }
  std::uint32_t attempts = 0;
  std::uint32_t h2_stream = 0;  ///< its number on an HTTP/2 connection; 0 = HTTP/1
  std::uint16_t status = 0;     ///< sent to the client; 499 if it left before; 0 = closed without
  std::string_view retry_reason{};  ///< why there was another attempt: a failure's name or a status
  std::span<Note> notes{};          ///< by filters, in the arena
  bool reused = false;              ///< the last attempt took a pooled connection
  http::Failure failure = http::Failure::None;
  std::int64_t wall_us = 0;  ///< wall clock at `begun`, microseconds since the epoch
  Times times;
};

}  // namespace weir::proxy
