// SPDX-License-Identifier: Apache-2.0
//
// `trusted_proxies CIDR ... | unix: [{ fields NAME ... }]`.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/statements.h"

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::config {

/// Where peers stand in the list, by their canonical text.
using TrustedPeers = std::unordered_map<std::string, std::size_t>;

/// Adds the peers of one statement to `list` and `known`.  A peer that is there already with other fields is
/// reported; with the same ones it is not added again.
void build_trusted_proxies(const Directive& directive, const Scope& scope, TrustedPeers& known,
                           std::vector<TrustedProxy>& list);

}  // namespace weir::config
