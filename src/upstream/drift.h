// SPDX-License-Identifier: Apache-2.0
//
// Drift: where run time differs from the file, in words, for whoever is about to reload it.
#pragma once

#include "upstream/registry.h"

#include <string>
#include <vector>

namespace weir::upstream {

/// One line for each override and each server added at run time: what, since when and by whom.
std::vector<std::string> drift(const Registry& registry);

}  // namespace weir::upstream
