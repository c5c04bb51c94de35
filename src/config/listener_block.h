// SPDX-License-Identifier: Apache-2.0
//
// `listener NAME { ... }`.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/route_block.h"
#include "config/statements.h"

#include <string>
#include <unordered_map>

namespace weir::config {

/// Addresses of all listeners so far, in one spelling, and where they stand.
using BoundAddresses = std::unordered_map<std::string, Place>;

/// Fills in a listener that has its name and place already.
void build_listener(const Directive& directive, const Scope& scope, BackendNames& backends,
                    BoundAddresses& bound, Listener& listener);

}  // namespace weir::config
