// SPDX-License-Identifier: Apache-2.0
//
// What a backend would do with a request now: which of its servers may get it, and what speaks for each; by the rules
// that workers choose by.
#pragma once

#include "admin/story.h"
#include "proxy/filter_preview.h"

#include <cstdint>

namespace weir::admin {

/// Tells of a backend, where it stands in the configuration, and of its fallback if nobody there can take the request.
void tell_candidates(const Fleet& fleet, std::uint32_t at, proxy::FilterPreview& request,
                     Story& story);

}  // namespace weir::admin
