// SPDX-License-Identifier: Apache-2.0
//
// `backend NAME { ... }`.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/policies.h"
#include "config/statements.h"

namespace weir::config {

/// Fills in a backend that has its name and place already; its list policies go to `policies`.
void build_backend(const Directive& directive, const Scope& scope, Backend& backend,
                   PolicyList& policies);

}  // namespace weir::config
