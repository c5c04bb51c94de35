// SPDX-License-Identifier: Apache-2.0
//
// Preflight: what would make a start fail although the configuration is valid: directories that are not there or may not
// be written, limits, and capabilities that a container lacks.  Nothing is made, bound or locked; only this process's own
// limit of descriptors is raised.
#pragma once

#include <weir/result.h>

#include "config/config.h"
#include "config/diagnostics.h"
#include "process/plan.h"

#include <vector>

namespace weir::process {

/// All of it, for the user that this process runs as, with place and hint.  A warning: weir would start, and something would
/// be missing.
std::vector<config::Diagnostic> check_start(const config::Config& config, Plan plan);

/// Errc::System if the processes could not become the user that the plan names.
Result<void> check_user(const Plan& plan);

}  // namespace weir::process
