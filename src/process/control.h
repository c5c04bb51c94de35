// SPDX-License-Identifier: Apache-2.0
//
// control: what has to be known once and not once a worker: all servers and how they are, their names and
// checks, drains, ticket keys; and who answers operators.
#pragma once

#include "net/channel.h"

namespace weir::process {

/// Runs until told to stop or the master is gone.
int run_control(net::Channel channel);

}  // namespace weir::process
