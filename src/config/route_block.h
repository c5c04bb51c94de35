// SPDX-License-Identifier: Apache-2.0
//
// `route [NAME] [MATCHER ...] [ACTION] [{ ... }]`.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/policies.h"
#include "config/statements.h"

#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::config {

/// The backends a route may name.
struct BackendNames {
  std::unordered_map<std::string_view, std::uint32_t> numbers;
  std::vector<std::string_view> words;             ///< the names again, as written, for suggestions
  std::vector<PolicyList> policies;                ///< by number
  std::vector<std::vector<std::uint32_t>> chains;  ///< by number: it and its fallbacks in order
  std::vector<bool> used;                          ///< by number; set when a route forwards to it
};

/// A route of a listener whose list policies are `outer`.  Its name is empty if none is written.
Route build_route(const Directive& directive, const Scope& scope, const PolicyList& outer,
                  BackendNames& backends);

}  // namespace weir::config
