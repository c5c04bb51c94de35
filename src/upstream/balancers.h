// SPDX-License-Identifier: Apache-2.0
//
// The list of balancing policies: a word of weir.conf, a factory.  One line a policy; modules add theirs.
#pragma once

#include <weir/balancer.h>

#include "config/config.h"

#include <memory>
#include <span>

namespace weir::upstream {

/// The policies of weir and of the modules compiled in, the default one first.
std::span<const BalancerKind> balancer_kinds();

/// What the `balance` statement of a backend comes to.
Result<std::shared_ptr<const BalancerFactory>> make_balancers(const config::Config& config,
                                                              const config::Backend& backend);

/// What a backend without such a statement has.
std::shared_ptr<const BalancerFactory> default_balancers();

}  // namespace weir::upstream
