// SPDX-License-Identifier: Apache-2.0
//
// The commands about whole configurations: plan, reload, confirm, rollback, and the history.
#pragma once

#include "admin/command.h"
#include "admin/reloads.h"

#include <optional>
#include <string>

namespace weir::admin {

void plan(const Call& call, Reply& reply);
void reload(const Call& call, Reply& reply);
void confirm(const Call& call, Reply& reply);
void upgrade(const Call& call, Reply& reply);
void rollback(const Call& call, Reply& reply);
void show_generations(const Call& call, Reply& reply);
void explain_generation(const Call& call, Reply& reply);

/// "generation 3 comes back at 2026-11-21T02:00:00.123Z"; in JSON an object.  "no" or null if nothing waits.
std::string unconfirmed_text(const std::optional<Unconfirmed>& waits, bool json);

/// Fills in the reply to a request that has come to its end.
void tell_outcome(const Outcome& outcome, bool json, Reply& reply);

}  // namespace weir::admin
