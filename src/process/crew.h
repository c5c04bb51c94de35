// SPDX-License-Identifier: Apache-2.0
//
// Crew: the processes that the master runs.  Workers have numbers that say where their words lie in shared
// memory; which numbers are in use does not follow from how many workers are wanted: one that drains keeps
// its number until it has ended, and its successor takes another.
#pragma once

#include "process/child.h"

#include <cstdint>
#include <list>
#include <optional>

namespace weir::process {

class Crew {
 public:
  /// Children stay where they are until they are removed.
  std::list<Child>& all() { return children_; }
  const std::list<Child>& all() const { return children_; }

  Child& add(Role role, std::uint32_t index);
  void remove(const Child& child);

  /// Workers that are wanted: all but those that leave.
  std::uint32_t staff() const;
  /// The last of them; null if there is none.
  Child* last_of_staff();
  /// The lowest worker number below `room` that nobody has.
  std::optional<std::uint32_t> free_index(std::uint32_t room) const;

  bool is_running(Role role) const;
  /// Somebody runs, or waits to be started again.
  bool is_anybody_left() const;
  Child* find(pid_t pid);

  /// Those of a role that wait to be started again are not.
  void call_off(Role role);
  /// Says it to all of a role.
  void tell(Role role, net::MessageType type);
  /// Says it to the workers of the former binary.
  void tell_former(net::MessageType type);

 private:
  std::list<Child> children_;
};

}  // namespace weir::process
