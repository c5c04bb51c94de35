// SPDX-License-Identifier: Apache-2.0
//
// max_header, max_fields and max_line: the limits of a message's head, which a listener has for requests and a
// backend for answers.
#pragma once

#include "config/parser.h"
#include "config/schema.h"

#include <cstdint>

namespace weir::config {

/// The members of a block that the three statements set.
struct HeadLimitMembers {
  std::uint32_t& header;  ///< bytes
  std::uint32_t& fields;
  std::uint32_t& line;  ///< bytes
};

/// Reads `value` if `word` is one of the three; false if it is another.  What is wrong is reported and leaves the
/// member as it is.
bool build_head_limit(Word word, const Value& value, const HeadLimitMembers& into,
                      Reporter& report);

}  // namespace weir::config
