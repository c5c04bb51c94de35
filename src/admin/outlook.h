// SPDX-License-Identifier: Apache-2.0
//
// What a backend would do with a request now: which of its servers may get it, and what speaks for each; by the rules
// that workers choose by.
#pragma once

#include "admin/story.h"
#include "proxy/filter_preview.h"

#include <cstdint>

namespace weir::admin {

/// Tells of a backend, where it stands in the configuration.  True if nobody there can take the request, and its fallback is next.
bool tell_candidates(const Fleet& fleet, std::uint32_t at, proxy::FilterPreview& request,
                     Story& story);

}  // namespace weir::admin
