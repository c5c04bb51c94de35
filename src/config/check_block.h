// SPDX-License-Identifier: Apache-2.0
//
// `check tcp|http ... { ... }` and `outlier { ... }`: how it is found out that a server is no good,
// by asking it and by watching traffic.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/statements.h"

namespace weir::config {

Check build_check(const Directive& directive, const Scope& scope);

Outlier build_outlier(const Directive& directive, const Scope& scope);

}  // namespace weir::config
