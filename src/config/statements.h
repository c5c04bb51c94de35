// SPDX-License-Identifier: Apache-2.0
//
// Walking through the statements of a block: whatever the table of directives says about them is
// checked here, so that those who take them apart see only statements with a known word, in a place
// where it may stand, not too often, and with a possible number of values.
#pragma once

#include "config/kinds.h"
#include "config/parser.h"
#include "config/schema.h"
#include "config/source.h"

#include <functional>
#include <vector>

namespace weir::config {

/// What a block was found in.
struct Scope {
  Reporter& report;
  const Kinds& kinds;
  const FileReader& reader;                 ///< for files that values name
  std::span<const std::string> backends{};  ///< the names of all, wherever they stand
  bool checks_filters =
      true;  ///< builds each filter to see whether it can be; not what was checked before
};

/// A regular expression; it is compiled to see whether it can be, unless that was checked before.
std::string read_regex(const Value& value, const Scope& scope);

using Visit = std::function<void(const DirectiveKind&, const Directive&)>;

/// Calls `visit` for each good statement.  Where single-valued ones stand is added to `origins`.
void visit_statements(const std::vector<Directive>& block, Context context, const Scope& scope,
                      Origins& origins, const Visit& visit);

/// The place of a single value, or null.
const Place* find_origin(const Origins& origins, std::string_view of);

}  // namespace weir::config
