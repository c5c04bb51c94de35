// SPDX-License-Identifier: Apache-2.0
//
// `header` and `response_header`: set, add or remove a field.  Fields that steer framing or the
// connection cannot be named; values are checked again after variables are filled in.
#pragma once

#include <weir/filter.h>

namespace weir::filter {

Result<std::unique_ptr<FilterFactory>> build_request_header(const Statement& statement,
                                                            const FilterContext& context);
Result<std::unique_ptr<FilterFactory>> build_response_header(const Statement& statement,
                                                             const FilterContext& context);

}  // namespace weir::filter
