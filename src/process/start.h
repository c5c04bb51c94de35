// SPDX-License-Identifier: Apache-2.0
//
// What the master does before anything runs: load, bind, open, share.  Everything that can fail fails
// here, before a single client has been accepted.
#pragma once

#include "process/setup.h"
#include "shm/segment.h"

#include <memory>

namespace weir::process {

/// What the master holds for the others, for as long as it lives.
struct Assets {
  Plan plan;
  Fd bundle;
  std::vector<ListeningSocket> sockets;
  std::vector<bool> shared_by_all;  ///< by socket: a Unix socket, watched by every worker
  std::vector<Fd> wakers;           ///< see WakerOf
  Fd error_log, access_log;
  std::vector<Fd> admin, state;  ///< admin sockets; the two state files
  std::unique_ptr<shm::Segment> segment;
};

/// Runs the loader, then binds and opens what the plan says.
Result<Assets> prepare(const std::string& path);

/// Opens the log files of the plan again (after they were moved away).
Result<void> open_logs(Assets& assets);

}  // namespace weir::process
