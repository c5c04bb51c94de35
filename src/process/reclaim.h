// SPDX-License-Identifier: Apache-2.0
//
// Reclaim: at its start the master takes the listening sockets over that workers of a dead master still hold
// (process/orphan.h).  So no connection lies in a queue that nobody empties, and none is reset when those workers end.
// Without such workers it is one look into /proc/net/unix.
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
  /// Asks all orphaned workers of this network namespace.  Takes only sockets that this user has made and that listen at the
  /// address that is said of them.  A worker that has none of `addresses` is of another instance and keeps its sockets.
  /// Waits at most three seconds for each worker.
  static Reclaimed ask(const std::set<std::string>& addresses);

  /// Each socket once, by the address that it was configured with.
  const std::vector<ListeningSocket>& sockets() const { return sockets_; }
  std::size_t workers() const { return workers_.size(); }

  /// Makes this process the owner of those that it has taken, so that no orphan closes them to clients.
  static void own(const std::vector<ListeningSocket>& taken);
  /// Our workers accept: the orphaned ones let go of what was taken.
  void confirm();

 private:
  void receive(net::Channel worker, const std::set<std::string>& addresses);

  std::vector<ListeningSocket> sockets_;
  std::set<ino_t> known_;  ///< by the number of the socket, which each worker has a descriptor of
  std::vector<net::Channel> workers_;
};

}  // namespace weir::process
