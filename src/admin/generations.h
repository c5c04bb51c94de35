// SPDX-License-Identifier: Apache-2.0
//
// The commands about whole configurations: plan, reload, confirm, rollback, and the history.
#pragma once

#include "admin/command.h"
#include "admin/reloads.h"

namespace weir::admin {

void plan(const Call& call, Reply& reply);
void reload(const Call& call, Reply& reply);
void confirm(const Call& call, Reply& reply);
void upgrade(const Call& call, Reply& reply);
void rollback(const Call& call, Reply& reply);
void show_generations(const Call& call, Reply& reply);
void explain_generation(const Call& call, Reply& reply);

/// Fills in the reply to a request that has come to its end.
void tell_outcome(const Outcome& outcome, bool json, Reply& reply);

}  // namespace weir::admin
