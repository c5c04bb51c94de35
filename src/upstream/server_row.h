// SPDX-License-Identifier: Apache-2.0
//
// What a server's columns say together: from the configuration to the first row, and from changed
// columns to what workers do.
#pragma once

#include "config/config.h"
#include "net/address.h"
#include "shm/server_table.h"

#include <cstdint>
#include <string_view>

namespace weir::upstream {

/// Between the two forms of a socket address.
shm::SocketAddress to_shared(const net::Address& address);
net::Address from_shared(const shm::SocketAddress& address);

/// The row and columns of a server as configured.
void configure(const config::Backend& backend, const config::Server& server, shm::ServerRow& row,
               shm::ServerColumns& columns);

/// Somebody wants something else than the configuration says.
bool is_overridden(const shm::ServerColumns& columns);

/// What a server is called, as a number that is the same in every process and every weir.
std::uint64_t identity_of(std::string_view backend, std::string_view server);

/// Works out weight, addresses and use of a row from its columns.
void work_out(shm::ServerRow& row, const shm::ServerColumns& columns);

}  // namespace weir::upstream
