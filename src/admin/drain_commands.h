// SPDX-License-Identifier: Apache-2.0
//
// Commands by which the instance or a listener leaves the pool and comes back.
#pragma once

#include "admin/command.h"

namespace weir::admin {

void drain(const Call& call, Reply& reply);
void undrain(const Call& call, Reply& reply);
/// Whether whoever is in front should send clients here.
void ready(const Call& call, Reply& reply);

}  // namespace weir::admin
