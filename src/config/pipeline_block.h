// SPDX-License-Identifier: Apache-2.0
//
// `pipeline N { ... }`: how requests share connections to a server.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/statements.h"

namespace weir::config {

Pipeline build_pipeline(const Directive& directive, const Scope& scope);

}  // namespace weir::config
