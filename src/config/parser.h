// SPDX-License-Identifier: Apache-2.0
//
// Parser: tokens into a tree of statements, without knowing what any of them means.
#pragma once

#include "config/lexer.h"

#include <cstdint>
#include <string_view>
#include <vector>

namespace weir::config {

/// One statement: a word, its values, and perhaps a block of statements.
struct Directive {
  std::string_view word;
  Place at;
  std::vector<Value> values;
  bool has_block = false;
  std::vector<Directive> block;
};

/// Blocks may stand in blocks this deep; no directive needs more than three.
inline constexpr int deepest_block = 16;

/// The statements of file `number` of the reporter's sources.  Views in them live as long as the
/// sources and `texts`.  What is wrong is reported; what could be understood is returned.
std::vector<Directive> parse_file(std::uint32_t number, const FileReader& reader, Texts& texts,
                                  Reporter& reporter);

}  // namespace weir::config
