// SPDX-License-Identifier: Apache-2.0
//
// What is read out of the answer of a name server (RFC 1035 §4.1), beside what c-ares does: whether it repeats the
// question letter by letter, and the addresses with the time they may be kept.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace weir::event {

/// The result of a look-up: addresses in network order (4 or 16 bytes each).
struct DnsAnswer {
  std::vector<std::string> addresses;
  std::uint32_t ttl_seconds = 0;  ///< the least of all records that led to the addresses
  std::string error;              ///< why there are none, for people; empty if there are
};

/// More addresses of one name are left out.
inline constexpr int most_addresses = 256;

/// Types of records: RFC 1035 §3.2.2 and RFC 3596.
inline constexpr int type_a = 1, type_aaaa = 28;

/// The first question of `answer` is `name` as it was asked, in the same case.  c-ares has compared them before, but
/// takes upper and lower case for the same.
bool repeats_question(std::string_view name, std::span<const unsigned char> answer);

/// Puts the addresses of that type, and how long they hold, into `found`.  Returns a status of c-ares; `found` is
/// unchanged unless it is ARES_SUCCESS.
int read_addresses(int type, std::span<const unsigned char> answer, DnsAnswer& found);

}  // namespace weir::event
