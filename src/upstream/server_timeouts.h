// SPDX-License-Identifier: Apache-2.0
//
// ServerTimeouts: the time limits of a request towards its server, and of the connection that it leaves behind.
#pragma once

#include "config/config.h"
#include "config/units.h"

#include <cstdint>

namespace weir::upstream {

/// In microseconds; 0 = none.
struct ServerTimeouts {
  std::uint64_t connect, first_byte, read;
  std::uint64_t idle;      ///< of a connection without a request
  std::uint64_t send = 0;  ///< without progress in writing the request
  /// HTTP/2: silence until a server is asked for a sign of life, and then again.
  std::uint64_t ping = 0;
};

/// As these levels say, the first of them that says something; the last one says all.
template <typename... Levels>
ServerTimeouts server_timeouts(const Levels&... levels) {
  using config::Limits;
  auto of = [&](auto member) { return config::microseconds(config::pick(member, levels...)); };
  return {of(&Limits::connect),     of(&Limits::first_byte),  of(&Limits::read),
          of(&Limits::server_idle), of(&Limits::server_send), of(&Limits::ping)};
}

}  // namespace weir::upstream
