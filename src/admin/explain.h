// SPDX-License-Identifier: Apache-2.0
//
// `explain`: why.  A request is taken apart and matched by the very code that workers use, on the routes
// they run, and meets the policies that they have; a server's story is told from its columns, its last checks and its events.
#pragma once

#include "admin/command.h"

namespace weir::admin {

void explain_request(const Call& call, Reply& reply);
void explain_server(const Call& call, Reply& reply);

}  // namespace weir::admin
