// SPDX-License-Identifier: Apache-2.0
//
// Release number, and the number of the contract that compiled-in modules are built against.
#pragma once

namespace weir {

/// Semantic version of this release.
extern const char* const version;

/// Changes whenever anything in include/weir changes its meaning or layout.
inline constexpr int module_abi = 3;

}  // namespace weir
