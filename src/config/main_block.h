// SPDX-License-Identifier: Apache-2.0
//
// The main level of the file: what concerns the whole daemon, and the order in which its blocks are
// understood, which is not the order in which they are written.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/statements.h"

#include <cstdint>
#include <vector>

namespace weir::config {

/// Builds the whole Config from the statements of a tree; whatever is wrong is reported.  `cores` is
/// what `workers auto` means.
Config build_config(const std::vector<Directive>& statements, std::uint32_t cores,
                    const Scope& scope);

}  // namespace weir::config
