// SPDX-License-Identifier: Apache-2.0
//
// Phase: how far a stream has come.  Which one may follow to which is one table; Stream::enter asserts it.
//
//   Receive ─ Route ─ Request ─ Choose ─ Connect ─ Send ─ Await ─ Respond ─ Relay ─ Finish
//               └────────┘└───────┘└─────────┴───────┴───────┘       └────────┘
//           another route  fallback  another server, or another try  another answer
//
// From each of them a failure leads to Respond, or to Finish if nobody is left to answer to.
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace weir::proxy {

enum class Phase : std::uint8_t {
  Receive,  ///< the head is being read
  Route,    ///< the listener's route table says which route
  Request,  ///< the filters of the route, or of a fallback; they may wait, and may want the whole body first
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

constexpr std::uint16_t set_of(std::initializer_list<Phase> all) {
  std::uint16_t bits = 0;
  for (const Phase one : all)
    bits = static_cast<std::uint16_t>(bits | 1U << static_cast<unsigned>(one));
  return bits;
}

/// Which may follow to each.  Send may be left before all is sent: a server may answer, or fail, at any time.  Finish is
/// entered twice if a client leaves before the last bytes.
inline constexpr std::uint16_t followers[phases] = {
    set_of({Phase::Route, Phase::Respond, Phase::Finish}),
    set_of({Phase::Request, Phase::Respond, Phase::Finish}),
    set_of({Phase::Route, Phase::Choose, Phase::Respond, Phase::Finish}),
    set_of({Phase::Connect, Phase::Request, Phase::Respond, Phase::Finish}),
    set_of({Phase::Send, Phase::Choose, Phase::Respond, Phase::Finish}),
    set_of({Phase::Await, Phase::Choose, Phase::Respond, Phase::Finish}),
    set_of({Phase::Choose, Phase::Respond, Phase::Finish}),
    set_of({Phase::Respond, Phase::Relay, Phase::Finish}),
    set_of({Phase::Respond, Phase::Relay, Phase::Finish}),
    set_of({Phase::Finish}),
};

inline bool may_follow(Phase from, Phase to) {
  return (followers[static_cast<std::size_t>(from)] >> static_cast<unsigned>(to) & 1U) != 0;
}

}  // namespace weir::proxy
