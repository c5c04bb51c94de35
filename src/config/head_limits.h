// SPDX-License-Identifier: Apache-2.0
//
// max_header, max_fields and max_line: the limits of a message's head, which a listener has for requests and a
// backend for answers.
#pragma once

#include "config/config.h"
#include "config/parser.h"
#include "config/schema.h"

namespace weir::config {

/// Reads `value` if `word` is one of the three; false if it is another.  What is wrong is reported and leaves the
/// member as it is.
bool build_head_limit(Word word, const Value& value, HeadSizes& into, Reporter& report);

}  // namespace weir::config
