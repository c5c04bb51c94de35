// SPDX-License-Identifier: Apache-2.0
//
// What a server's columns say together: from the configuration to the first row, and from changed
// columns to what workers do.
#pragma once

#include "config/config.h"
#include "net/address.h"
#include "shm/server_table.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::upstream {

/// Between the two forms of a socket address.
shm::SocketAddress to_shared(const net::Address& address);
net::Address from_shared(const shm::SocketAddress& address);

/// The row and columns of a server as configured.
void configure(const config::Backend& backend, const config::Server& server, shm::ServerRow& row,
               shm::ServerColumns& columns);

/// Somebody wants something else than the configuration says.
bool is_overridden(const shm::ServerColumns& columns);

/// One override: "state drain", "weight 7", "address 192.0.2.1:80" or "removed", and who made it.
struct Overriding {
  std::string what;
  const shm::Mark& mark;
};
/// All of a server, which must outlive them.
std::vector<Overriding> overrides(const shm::ServerColumns& columns);

/// What a server is called, as a number that is the same in every process and every weir.
std::uint64_t identity_of(std::string_view backend, std::string_view server);

/// Works out weight, addresses and use of a row from its columns.
void work_out(shm::ServerRow& row, const shm::ServerColumns& columns);

}  // namespace weir::upstream
