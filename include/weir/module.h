// SPDX-License-Identifier: Apache-2.0
//
// A module is code compiled into weir by `./configure --with-module=DIR` that adds filters
// and balancing policies.  It defines one `const weir::Module <directory name>_module` and includes nothing but <weir/...>.
// configure writes the table of all of them; there is no registration at run time.
#pragma once

#include <weir/balancer.h>
#include <weir/filter.h>

#include <cstddef>
#include <span>

namespace weir {

struct Module {
  const char* name;
  int abi;  ///< weir::module_abi of the headers it was compiled with
  std::span<const FilterKind> filters;
  std::span<const BalancerKind> balancers = {};
};

/// The modules of this binary, written by configure.
extern const Module* const modules[];
extern const std::size_t module_count;

}  // namespace weir
