// SPDX-License-Identifier: Apache-2.0
//
// What a listener, a route or a backend is called from one configuration to the next: that by which it
// keeps its counters, its servers and its place in a comparison over a reload.
#pragma once

#include "config/config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::config {

/// The identity of each route of a listener, in order; no two are the same, in all of a Config.
/// "web/api_v2" where the name was written, else what it matches in canonical form: "web/path /a",
/// with " #2" for the second one that matches the same; "web/*" for one that matches everything.  Holds
/// values that may be secrets: for comparing and hashing only, never to be shown.
std::vector<std::string> route_identities(const Listener& listener);

/// The matchers of a route so written that all routes that match the same way are the same text:
/// sorted, without repetitions; "*" if there are none.
std::string canonical_matchers(const Route& route);

/// What has that number, or null.
const Listener* find_listener(const Config& config, std::uint32_t number);
const Route* find_route(const Listener& listener, std::uint32_t number);

}  // namespace weir::config
