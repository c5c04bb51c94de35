// SPDX-License-Identifier: Apache-2.0
//
// Includes: a main file and everything it includes, as one tree of statements.  Included statements
// take the place of their `include`, in any block.
#pragma once

#include "config/parser.h"

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

namespace weir::config {

/// Files may include files this deep, and so many times in all.
inline constexpr int deepest_include = 16;
inline constexpr std::size_t most_includes = 16384;

/// What was read for one load; the statements are views into sources and texts.
struct Tree {
  Texts texts;
  std::vector<Directive> statements;
  /// Files that came with `include ... isolated`, directly or not: number → name of the fragment.
  std::map<std::uint32_t, std::string> fragments;
};

/// Reads `path` and what it includes into `tree`; files go to the reporter's sources.  Fragments named
/// in `skipped` are read but their statements are left out.
void read_tree(const std::string& path, const FileReader& reader,
               const std::set<std::string>& skipped, Tree& tree, Reporter& reporter);

}  // namespace weir::config
