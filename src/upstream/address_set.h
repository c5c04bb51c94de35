// SPDX-License-Identifier: Apache-2.0
//
// The set of addresses of a server between its forms: the plain values of net, and the bytes in shared
// memory.  A set has no order of its own, so that equal answers of a name server are equal sets.
#pragma once

#include "net/address.h"
#include "shm/server_table.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace weir::upstream {

/// A set of one; of none if the address is not set.
shm::AddressSet to_set(const net::Address& address);

/// IP addresses in network order (4 or 16 bytes each) at one port.  Of more than 16 those that are in `known` stay,
/// then the lowest: a name server that shows another part of many each time does not change the set each time.
shm::AddressSet to_set(std::span<const std::string> addresses, std::uint16_t port,
                       const shm::AddressSet& known);

/// Address `i` of a set; i < set.count.
net::Address address_of(const shm::AddressSet& set, std::size_t i);

/// At least one address is in both.
bool have_common(const shm::AddressSet& one, const shm::AddressSet& other);

/// "192.0.2.1:80, 192.0.2.2:80"; empty for none.
std::string text_of(const shm::AddressSet& set);

}  // namespace weir::upstream
