// SPDX-License-Identifier: Apache-2.0
//
// A worker: one event loop full of listeners.
#pragma once

#include "net/channel.h"

namespace weir::process {

/// Runs until drained or told to stop, or until the master is gone and no client is left.
int run_worker(net::Channel channel);

}  // namespace weir::process
