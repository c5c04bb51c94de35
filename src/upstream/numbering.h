// SPDX-License-Identifier: Apache-2.0
//
// The numbers that listeners, routes and backends have in shared memory, for as long as they are called
// the same: control gives them, all others take the same ones.
#pragma once

#include <weir/result.h>

#include "config/config.h"
#include "shm/counters.h"
#include "shm/identities.h"

#include <span>

namespace weir::upstream {

/// Control.  Whoever had a number keeps it; for what is new there is a free one or, if there is none, the
/// one that was out of use for longest; its counts begin anew.  None that a configuration of `in_use` has
/// is given away.  Errc::Limit if there is no room: then `config` is not to be used, and nothing that is
/// in use has changed.
Result<void> assign_numbers(config::Config& config, shm::Identities& identities,
                            shm::Counters& counters, std::span<const config::Config* const> in_use);

/// Everybody else: the numbers that control has given.  Errc::NotFound if it has not.
Result<void> take_numbers(config::Config& config, const shm::Identities& identities);

}  // namespace weir::upstream
