// SPDX-License-Identifier: Apache-2.0
//
// `balance WORD [VALUE ...]`: which words there are, and what values they take, is known to the kinds of
// balancers alone.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/statements.h"

#include <optional>

namespace weir::config {

/// What the statement says; nothing if it was wrong, which has been reported then.
std::optional<Balance> read_balance(const Directive& directive, const Scope& scope);

}  // namespace weir::config
