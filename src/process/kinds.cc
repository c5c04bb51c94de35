// SPDX-License-Identifier: Apache-2.0
#include "process/kinds.h"

#include "filter/table.h"
#include "upstream/balancers.h"

namespace weir::process {

config::Kinds known_kinds() { return {filter::kinds(), upstream::balancer_kinds()}; }

}  // namespace weir::process
