// SPDX-License-Identifier: Apache-2.0
//
// control: what has to be known once and not once a worker.  Today it resolves the names of servers.
#pragma once

#include "net/channel.h"

namespace weir::process {

/// Runs until told to stop or the master is gone.
int run_control(net::Channel channel);

}  // namespace weir::process
