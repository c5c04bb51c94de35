// SPDX-License-Identifier: Apache-2.0
//
// Policies: what may stand in a listener, a backend or a route alike.  Single values (times, limits,
// retry) stay where they were said and are looked up later; lists are put together here.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/schema.h"
#include "config/statements.h"

#include <array>
#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

namespace weir::config {

/// In the policy words of weir itself, texts with variables begin with the third value:
/// `header set NAME TEXT`, `rewrite path REGEX TEXT`.
inline constexpr std::size_t first_text_of_policy = 2;

/// The words of PathCheck, in its order.
inline constexpr std::array<std::string_view, 3> path_checks = {"on", "strict", "off"};

/// The list policies of one block.
struct PolicyList {
  std::vector<Policy> own;
  std::vector<std::string_view> cleared;  ///< words with `none`: what came from outside is dropped

  bool clears(std::string_view word) const;
};

/// The list of a route: what its listener says, each backend of the chain that it forwards to, and itself.
std::vector<Policy> join(const PolicyList& listener, std::span<const PolicyList* const> chain,
                         const PolicyList& route);

/// Takes a statement apart that is a policy: a timeout, a limit, a switch or a list policy; false if it is
/// none of these.
bool build_policy(const DirectiveKind& kind, const Directive& directive, Context context,
                  const Scope& scope, Limits& limits, PolicyList& list, Origins& origins);

}  // namespace weir::config
