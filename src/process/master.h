// SPDX-License-Identifier: Apache-2.0
//
// The master: binds, opens log files, starts the other processes and replaces what dies.  The only one
// that stays root.  It touches no peer's bytes and parses no configuration: the loader tells it the
// little it must know (process/plan.h).  It owns every listening socket for ever.
#pragma once

#include <weir/result.h>

#include <string>

namespace weir::process {

struct MasterOptions {
  std::string path;  ///< of the configuration
  bool daemonize = false;
};

/// Runs weir until it is told to stop.  Returns the exit status; 1 if it could not start.
int run_master(const MasterOptions& options);

}  // namespace weir::process
