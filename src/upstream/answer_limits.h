// SPDX-License-Identifier: Apache-2.0
//
// AnswerLimits: how large the heads of a backend's answers may be (its max_header, max_fields and max_line), and
// how messages name each limit and its line in the configuration.
#pragma once

#include "config/config.h"
#include "http/failure.h"
#include "http/h1_parser.h"

#include <string>
#include <string_view>

namespace weir::upstream {

struct AnswerLimits {
  http::HeadLimits head;
  std::string header, fields, line;  ///< "max_fields 200 (weir.conf:12)", or "(default)"

  /// The text of the limit that an answer was beyond; empty for other failures.
  std::string_view text_for(http::Failure failure) const;
};

/// The numbers alone.
http::HeadLimits head_limits(const config::Backend& backend);

/// `config` knows where the backend's statements stand.
AnswerLimits answer_limits(const config::Config& config, const config::Backend& backend);

}  // namespace weir::upstream
