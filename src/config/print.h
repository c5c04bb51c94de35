// SPDX-License-Identifier: Apache-2.0
//
// A Config as text again: flattened, complete, and each value with where it comes from.
#pragma once

#include "config/config.h"

#include <string>

namespace weir::config {

/// Where a statement stands, as messages say it: "conf.d/a.conf:12"; empty for null.
std::string place_text(const Config& config, const Place& place);
std::string place_text(const Config& config, const Place* place);

/// The effective configuration (`weir -T`).  It loads again to the same Config.  Each statement ends
/// in a comment: `# weir.conf:12`, or `# default`.
std::string print_effective(const Config& config);

/// One listener of it in the same way, and the values of a backend without its servers.
std::string print_listener(const Config& config, const Listener& listener);
std::string print_values(const Config& config, const Backend& backend);

}  // namespace weir::config
