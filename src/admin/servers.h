// SPDX-License-Identifier: Apache-2.0
//
// The commands that change servers at run time.  Every change is tried on the registry first, then the
// guards look at what it would do to its backend, then it is published; or nothing happens at all.
#pragma once

#include "admin/command.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace weir::admin {

void server_add(const Call& call, Reply& reply);
void server_remove(const Call& call, Reply& reply);
void server_set(const Call& call, Reply& reply);

/// The slot that "BACKEND/NAME" stands for; fails the reply, with the nearest names, if there is none.
std::optional<std::uint32_t> find_server(const Fleet& fleet, std::string_view name, Reply& reply);

/// The number of a backend; fails the reply if there is none of that name.
std::optional<std::uint32_t> find_backend(const Fleet& fleet, std::string_view name, Reply& reply);

/// How a set of changes was found: the state of all backends before it.
class Guard {
 public:
  explicit Guard(const upstream::Registry& registry);
  /// Why the registry may not become what it is now; empty = it may.
  std::string objection(const upstream::Registry& registry) const;

 private:
  struct Known {
    std::uint32_t slot, backend;
    shm::AddressSet addresses;
  };

  std::string too_many_replaced(const upstream::Registry& registry) const;

  std::map<std::uint32_t, upstream::Registry::Routable> before_;  ///< by backend
  std::vector<Known> servers_;
};

}  // namespace weir::admin
