// SPDX-License-Identifier: Apache-2.0
//
// Server: one origin as this worker sees it: its address, its share of the in-flight counts that all
// workers keep together, and this worker's idle connections to it (newest first, because the newest
// is the least likely to be closed by the other side at this moment).
#pragma once

#include "base/list.h"
#include "config/config.h"
#include "net/address.h"
#include "net/feed.h"
#include "shm/in_flight.h"
#include "upstream/connection.h"

#include <cstdint>
#include <memory>

namespace weir::upstream {

class Server {
 public:
  Server(const net::Context& context, shm::InFlight& in_flight, const config::Backend& backend,
         const config::Server& config, std::uint32_t number, std::uint32_t idle_most);
  ~Server();

  const config::Server& config() const { return config_; }
  const config::Backend& backend() const { return backend_; }
  /// Its number among all servers of the configuration: the column in shared memory.
  std::uint32_t number() const { return number_; }

  const net::Address& address() const { return address_; }
  /// A new address (a name was resolved); idle connections to the old one are closed.
  void set_address(const net::Address& address);

  /// It has an address and is under its limit.
  bool can_take() const;
  std::uint32_t in_flight() const { return in_flight_.load(number_); }

  /// Counts one more request; false if that would exceed max_in_flight over all workers.
  bool take_slot();
  /// One request less.  Returns the set of other workers that wait for a slot here, as a bit mask.
  std::uint64_t give_slot() { return in_flight_.release(number_); }
  /// This worker has (or no longer has) requests waiting for a slot of this server.
  void want_slot(bool wanted);

  /// An idle connection, or null.
  Connection* take_idle();
  /// Begins a new connection, to be leased at once.  Null if it failed at once; `failure` says why.
  Connection* connect(http::Failure& failure);

 private:
  friend class Connection;
  void give_idle(Connection& connection);

  const net::Context& context_;
  shm::InFlight& in_flight_;
  const config::Backend& backend_;
  const config::Server& config_;
  net::Address address_;
  std::uint32_t number_;
  std::uint32_t idle_most_;  ///< this worker's share of the backend's `keepalive`
  std::uint32_t idle_count_ = 0;
  List<Connection> idle_;
  List<Connection> busy_;
};

}  // namespace weir::upstream
