// SPDX-License-Identifier: Apache-2.0
//
// Reclaim: a master that starts takes over the listening sockets which workers of a dead master still hold
// (process/orphan.h).  Otherwise connections in the queues of those sockets would be reset when the workers end.  If there
// are no such workers, this only reads /proc/net/unix.
#pragma once

#include "net/channel.h"
#include "process/setup.h"

#include <sys/types.h>

#include <cstddef>
#include <set>
#include <vector>

namespace weir::process {

class Reclaimed {
 public:
  /// Asks all orphaned workers of this network namespace, at most three seconds each.  Takes a socket only if this user
  /// created it and it listens on the address that the worker names.  A worker without any of `addresses` belongs to another
  /// instance: it keeps its sockets and is told Declined.
  static Reclaimed ask(const std::set<std::string>& addresses);

  /// Each socket once, with its configured address.
  const std::vector<ListeningSocket>& sockets() const { return sockets_; }
  std::size_t workers() const { return workers_.size(); }

  /// Makes this process the owner of the sockets (F_SETOWN); orphans do not drain sockets that another master owns.
  static void own(const std::vector<ListeningSocket>& taken);
  /// Our workers accept now: tells the orphaned workers to close the sockets that were taken.
  void confirm();

 private:
  void receive(net::Channel worker, const std::set<std::string>& addresses);

  std::vector<ListeningSocket> sockets_;
  std::set<ino_t>
      known_;  ///< inodes of `sockets_`: every worker has descriptors of the same sockets
  std::vector<net::Channel> workers_;
};

}  // namespace weir::process
