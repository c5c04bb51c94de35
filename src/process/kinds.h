// SPDX-License-Identifier: Apache-2.0
//
// The words of weir.conf that filters, balancers and the modules of this binary bring.
#pragma once

#include "config/kinds.h"

namespace weir::process {

config::Kinds known_kinds();

}  // namespace weir::process
