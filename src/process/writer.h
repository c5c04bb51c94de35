// SPDX-License-Identifier: Apache-2.0
//
// The writer: takes the lines out of all log rings and puts them where the configuration says.  It is
// the only process that may block on a disk; while it does, rings fill and producers drop and count.
#pragma once

#include "net/channel.h"

namespace weir::process {

/// Runs until the master says Stop (everything in the rings is written first) or is gone.
int run_writer(net::Channel channel);

}  // namespace weir::process
