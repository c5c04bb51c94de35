// SPDX-License-Identifier: Apache-2.0
//
// Phase: how far a stream has come.  Which one may follow to which is one table; Stream::enter asserts it.
//
//   Receive ─ Route ─ Request ─ Choose ─ Connect ─ Send ─ Await ─ Respond ─ Relay ─ Finish
//               └─────────┘       └─────────┴───────┴───────┘        └────────┘
//              another route    another server, or another try    another answer
//
// From each of them a failure leads to Respond, or to Finish if nobody is left to answer to.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir::proxy {

enum class Phase : std::uint8_t {
  Receive,  ///< the head is being read
  Route,    ///< the listener's route table says which route
  Request,  ///< the route's filters, which may wait, and may want the whole body first
  Choose,   ///< the backend picks a server, or the stream waits for one
  Connect,  ///< an attempt takes a pooled connection or makes one
  Send,     ///< head and body go out
  Await,    ///< all has been sent
  Respond,  ///< an answer has a head; the filters again, in reverse
  Relay,    ///< its head is on its way, and its body
  Finish    ///< nothing more is written; also after a failure
};

inline constexpr std::size_t phases = 10;

std::string_view name_of(Phase phase);

bool may_follow(Phase from, Phase to);

}  // namespace weir::proxy
