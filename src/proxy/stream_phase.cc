// SPDX-License-Identifier: Apache-2.0
#include "proxy/stream_phase.h"

namespace weir::proxy {

namespace {

constexpr std::uint16_t set() { return 0; }

template <typename... Others>
constexpr std::uint16_t set(Phase first, Others... others) {
  return static_cast<std::uint16_t>(1U << static_cast<unsigned>(first) | set(others...));
}

struct Row {
  std::string_view name;
  std::uint16_t next;
};

// Send may be left before all is sent: a server may answer, or fail, at any time.  Finish is entered twice if a client
// leaves before the last bytes.
constexpr Row rows[phases] = {
    {"receive", set(Phase::Route, Phase::Respond, Phase::Finish)},
    {"route", set(Phase::Request, Phase::Respond, Phase::Finish)},
    {"request", set(Phase::Route, Phase::Choose, Phase::Respond, Phase::Finish)},
    {"choose", set(Phase::Connect, Phase::Respond, Phase::Finish)},
    {"connect", set(Phase::Send, Phase::Choose, Phase::Respond, Phase::Finish)},
    {"send", set(Phase::Await, Phase::Choose, Phase::Respond, Phase::Finish)},
    {"await", set(Phase::Choose, Phase::Respond, Phase::Finish)},
    {"respond", set(Phase::Respond, Phase::Relay, Phase::Finish)},
    {"relay", set(Phase::Respond, Phase::Relay, Phase::Finish)},
    {"finish", set(Phase::Finish)},
};

}  // namespace

std::string_view name_of(Phase phase) { return rows[static_cast<std::size_t>(phase)].name; }

bool may_follow(Phase from, Phase to) {
  return (rows[static_cast<std::size_t>(from)].next >> static_cast<unsigned>(to) & 1U) != 0;
}

}  // namespace weir::proxy
