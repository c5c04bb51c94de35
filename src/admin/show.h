// SPDX-License-Identifier: Apache-2.0
//
// The commands that only look.
#pragma once

#include "admin/command.h"

namespace weir::admin {

void show_status(const Call& call, Reply& reply);
void show_listeners(const Call& call, Reply& reply);
void show_routes(const Call& call, Reply& reply);
void show_backends(const Call& call, Reply& reply);
void show_servers(const Call& call, Reply& reply);
void show_sessions(const Call& call, Reply& reply);
void show_streams(const Call& call, Reply& reply);
void show_workers(const Call& call, Reply& reply);
void show_state(const Call& call, Reply& reply);
void show_config(const Call& call, Reply& reply);
void show_bundle(const Call& call, Reply& reply);
void show_audit(const Call& call, Reply& reply);
void show_metrics(const Call& call, Reply& reply);

}  // namespace weir::admin
