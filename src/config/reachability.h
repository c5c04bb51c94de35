// SPDX-License-Identifier: Apache-2.0
//
// Which routes can never match, because routes before them take all they could.  Never a false
// alarm; a few true ones are missed, because every route costs a bounded number of table look-ups,
// whatever the number of routes:
//
//   A route takes all requests for some pairs (host, path), under conditions (its other matchers).
//   Each pair of a route is looked for in a table of the pairs before it: as it is, and with every
//   wider host (*.suffix, any) and wider path (/prefix/*, any); under no condition, under the same
//   conditions, and under each one of them alone.
#pragma once

#include "config/config.h"

#include <cstddef>
#include <span>
#include <vector>

namespace weir::config {

struct Unreachable {
  std::size_t route;  ///< can never match
  std::size_t cover;  ///< a route before it that takes (the last part of) what it could
};

/// The unreachable routes of one listener, in order.  `lookups`, if not null, is increased by the
/// number of questions asked of tables.
std::vector<Unreachable> find_unreachable(std::span<const Route> routes,
                                          std::size_t* lookups = nullptr);

}  // namespace weir::config
