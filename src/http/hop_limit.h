// SPDX-License-Identifier: Apache-2.0
//
// How far a request may still go: Max-Forwards (RFC 9110 §7.6.2) counts it down, and Via (§7.6.3) tells how
// often it has been here.  §7.6 forbids sending it to ourselves for ever; which address leads back to weir cannot
// be known, but a request that goes round in a circle brings longer and longer a Via.
#pragma once

#include <weir/message.h>

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::http {

enum class HopVerdict : std::uint8_t {
  Forward,
  Answer,     ///< Max-Forwards is 0: weir is the final recipient of this TRACE or OPTIONS
  Malformed,  ///< Max-Forwards is no single number, so it cannot be counted down
  Loop        ///< weir has forwarded it `most_visits` times already
};

/// Visits that a request may make, the present one included; one more is taken for a loop.  Chains of weirs are
/// shorter.
inline constexpr int most_visits = 16;

/// Counts this hop: lowers Max-Forwards of TRACE and OPTIONS by one, in `arena`.  Call once a request, when
/// weir has added itself to Via.
HopVerdict count_hop(RequestHead& head, Arena& arena);

/// The content of an answer to TRACE (RFC 9110 §9.3.8): the head as it was received, without the fields that
/// hold secrets of the client.
std::string reflection(std::string_view received);

}  // namespace weir::http
