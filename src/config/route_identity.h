// SPDX-License-Identifier: Apache-2.0
//
// By what a route is known from one configuration to the next.  A name made from its line is not fit
// for that: a comment above would make another route of it.
#pragma once

#include "config/config.h"

#include <string>
#include <vector>

namespace weir::config {

/// The identity of each route of a listener, in order; no two are the same, in all of a Config.
/// "web/api_v2" where the name was written, else what it matches in canonical form: "web/path /a",
/// with " #2" for the second one that matches the same; "web/*" for one that matches everything.
std::vector<std::string> route_identities(const Listener& listener);

/// The matchers of a route so written that all routes that match the same way are the same text:
/// sorted, without repetitions; "*" if there are none.
std::string canonical_matchers(const Route& route);

}  // namespace weir::config
