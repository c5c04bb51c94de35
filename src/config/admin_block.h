// SPDX-License-Identifier: Apache-2.0
//
// `admin unix:PATH { ... }`.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/statements.h"

namespace weir::config {

AdminSocket build_admin(const Directive& directive, const Scope& scope);

}  // namespace weir::config
