// SPDX-License-Identifier: Apache-2.0
//
// Kinds: the words of weir.conf that are defined outside of this room, by filters, balancers and modules.
// Whoever loads a configuration brings them along.
#pragma once

#include <weir/balancer.h>
#include <weir/filter.h>

#include <span>

namespace weir::config {

struct Kinds {
  std::span<const FilterKind> filters;  ///< their words are directives wherever policies may stand
  std::span<const BalancerKind> balancers;  ///< their words may stand behind `balance`
};

}  // namespace weir::config
