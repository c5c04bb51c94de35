// SPDX-License-Identifier: Apache-2.0
//
// Balancer: the policy that picks one server out of many.  It is made for a fixed list of servers
// (a new list makes a new one) and asks about their present state through ServerSet, so that a
// policy can be tested without a network and knows nothing of checks, limits or shared memory.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir {

/// The servers a balancer chooses from, by their position in the list: 0 to size() - 1.
class ServerSet {
 public:
  virtual ~ServerSet() = default;
  virtual std::uint32_t size() const = 0;
  /// 0–1000; a server of weight 0 is never chosen.  Does not change during the set's life.
  virtual std::uint32_t weight(std::uint32_t server) const = 0;
  /// It may be given one more request now: up, has an address, under its limit, not tried before.
  virtual bool is_usable(std::uint32_t server) const = 0;
  /// Requests in flight at it, over all workers.
  virtual std::uint32_t in_flight(std::uint32_t server) const = 0;
};

class Balancer {
 public:
  virtual ~Balancer() = default;
  /// The server for the next request, or nothing if none is usable.
  virtual std::optional<std::uint32_t> choose(const ServerSet& servers) = 0;
  /// The policy's word in weir.conf.
  virtual std::string_view name() const = 0;
};

}  // namespace weir
