// SPDX-License-Identifier: Apache-2.0
//
// `rewrite path RE TO`: the path that is forwarded.  TO may use $1 to $9.  The result is normalised
// like any other path; what cannot be is refused, so no rewrite can smuggle one past the routes.
#pragma once

#include <weir/filter.h>

namespace weir::filter {

Result<std::unique_ptr<FilterFactory>> build_rewrite(const Statement& statement,
                                                     const FilterContext& context);

}  // namespace weir::filter
