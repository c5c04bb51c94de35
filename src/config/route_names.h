// SPDX-License-Identifier: Apache-2.0
//
// What routes are called that were given no name: what they match, never where they stand in the file, so that
// logs and metrics tell of the same route after a line or a comment has been added.
#pragma once

#include "config/config.h"

#include <cstddef>
#include <string>
#include <vector>

namespace weir::config {

/// Names of routes that weir has made are at most this long, but for the " #2" that tells equal ones apart.
inline constexpr std::size_t longest_route_name = 64;

/// Gives each route of a listener that has no name one of its matchers, in written order: "path /api/*",
/// "host a.example not method GET", "any" if there are none.  Of matchers whose values may be secrets
/// (header, cookie, query, client_cert) only the name is told: "header Authorization".  What is longer
/// than 64 bytes ends in '~' and 8 hex digits of a hash of the whole.  Where the name is taken, " #2" and
/// so on follow.
void name_routes(std::vector<Route>& routes);

}  // namespace weir::config
