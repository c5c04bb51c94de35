// SPDX-License-Identifier: Apache-2.0
//
// What an HTTP/1.1 server wants to see before it speaks WebSocket (RFC 6455 §4) and HTTP/2 clients do not
// send (RFC 8441 §5): the key, and the proof that the server has read it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::http {

/// A Sec-WebSocket-Key of 128 random bits.
std::string websocket_key(std::uint64_t high, std::uint64_t low);

/// The Sec-WebSocket-Accept that answers it.
std::string websocket_accept(std::string_view key);

}  // namespace weir::http
