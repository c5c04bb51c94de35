// SPDX-License-Identifier: Apache-2.0
//
// The list of balancing policies: a word of weir.conf, a Balancer.
#pragma once

#include <weir/balancer.h>

#include "config/config.h"

#include <cstdint>
#include <memory>

namespace weir::upstream {

/// A balancer for these servers.  `seed` makes workers start at different places.
std::unique_ptr<Balancer> make_balancer(config::Balance policy, const ServerSet& servers,
                                        std::uint64_t seed);

}  // namespace weir::upstream
