// SPDX-License-Identifier: Apache-2.0
//
// The modules of build/weir-with-modules, which the tests of modules run: what configure writes for --with-module.
#include <weir/module.h>

extern const weir::Module example_module;
extern const weir::Module trial_module;
extern const weir::Module witness_module;

namespace weir {
const Module* const modules[] = {&example_module, &trial_module, &witness_module};
const std::size_t module_count = 3;
}  // namespace weir
