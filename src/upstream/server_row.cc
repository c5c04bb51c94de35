// SPDX-License-Identifier: Apache-2.0
#include "upstream/server_row.h"

#include "base/hash.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "upstream/address_set.h"

#include <algorithm>
#include <cstring>

namespace weir::upstream {

using shm::Ejection;
using shm::Health;
using shm::Override;
using shm::Use;

shm::SocketAddress to_shared(const net::Address& address) {
  shm::SocketAddress shared;
  if (!address.is_set()) return shared;
  shared.size = std::min<std::uint32_t>(address.size(), sizeof(shared.bytes));
  std::memcpy(shared.bytes, address.get(), shared.size);
  return shared;
}

net::Address from_shared(const shm::SocketAddress& address) {
  if (address.size == 0) return net::Address();
  return net::Address::from(reinterpret_cast<const sockaddr*>(address.bytes), address.size);
}

void configure(const config::Backend& backend, const config::Server& server, shm::ServerRow& row,
               shm::ServerColumns& columns) {
  row.backend = backend.number;
  row.max_in_flight = server.max_in_flight;
  row.backup = server.backup;
  shm::set_text(row.name, server.name);
  shm::set_text(columns.at, server.at.text);
  columns.configured_weight = server.weight;
  if (auto address = net::Address::from(server.at))
    columns.configured_address = to_shared(*address);
  if (backend.check) {
    columns.health = Health::Starting;
    columns.operational.since_us = wall_clock_us();
    shm::set_text(columns.operational.by, "check");
    shm::set_text(columns.operational.why, "not checked yet");
  }
  work_out(row, columns);
}

std::uint64_t identity_of(std::string_view backend, std::string_view server) {
  return fast_hash(concat(backend, "/", server));
}

bool is_overridden(const shm::ServerColumns& columns) {
  return columns.override_state != Override::None || columns.override_weight >= 0 ||
         columns.override_address.size > 0;
}

namespace {

Use use_of(const shm::ServerRow& row, const shm::ServerColumns& columns) {
  if (columns.leaving || columns.override_state == Override::Drain) return Use::Drain;
  if (columns.override_state == Override::Down) return Use::Down;
  if (row.addresses.count == 0) return columns.unresolved ? Use::Down : Use::Starting;
  if (columns.override_state == Override::Up) return Use::Up;
  if (columns.health == Health::Starting) return Use::Starting;
  if (columns.health == Health::Down || columns.ejection == Ejection::Ejected) return Use::Down;
  return columns.ejection == Ejection::HalfOpen ? Use::HalfOpen : Use::Up;
}

}  // namespace

void work_out(shm::ServerRow& row, const shm::ServerColumns& columns) {
  row.weight = columns.override_weight >= 0 ? static_cast<std::uint32_t>(columns.override_weight)
                                            : columns.configured_weight;
  row.addresses = columns.override_address.size > 0 ? to_set(from_shared(columns.override_address))
                  : columns.configured_address.size > 0
                      ? to_set(from_shared(columns.configured_address))
                      : columns.resolved;
  row.forced_out = columns.leaving || columns.override_state == Override::Drain ||
                   columns.override_state == Override::Down;
  row.use = use_of(row, columns);
}

}  // namespace weir::upstream
