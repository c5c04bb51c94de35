// SPDX-License-Identifier: Apache-2.0
//
// Protocol: the versions of HTTP that weir speaks, and how each is called.  Whoever wants to know what a message
// came by, or a connection speaks, compares these; texts are for people and for ALPN.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace weir {

/// From the oldest to the newest, counted from 0.  Unknown: of a request that is refused before its line has told.
enum class Protocol : std::uint8_t { Http10, Http11, Http2, Unknown };

/// Their names in start lines and logs, in the order of Protocol.
inline constexpr std::array<std::string_view, 3> protocol_names = {"HTTP/1.0", "HTTP/1.1",
                                                                   "HTTP/2.0"};

/// Their names in ALPN (RFC 7301 §6), which the configuration, metrics and commands use as well.
inline constexpr std::array<std::string_view, 3> alpn_tokens = {"http/1.0", "http/1.1", "h2"};

/// "HTTP/1.1"; empty if unknown.
constexpr std::string_view name_of(Protocol protocol) {
  return protocol == Protocol::Unknown ? "" : protocol_names[static_cast<std::size_t>(protocol)];
}

/// "http/1.1"; empty if unknown.
constexpr std::string_view alpn_of(Protocol protocol) {
  return protocol == Protocol::Unknown ? "" : alpn_tokens[static_cast<std::size_t>(protocol)];
}

}  // namespace weir
