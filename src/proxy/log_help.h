// SPDX-License-Identifier: Apache-2.0
//
// What the lines of the access log mean, as weir(8) lists it: made from the tables that the lines are
// written from, so that the manual cannot fall behind.
#pragma once

#include <string>

namespace weir::proxy {

/// The members of a JSON line, in mdoc.
std::string access_fields_mdoc();

/// The failures, with the status each is answered with, the error type in Proxy-Status, and whether it is
/// tried again; in mdoc.
std::string failures_mdoc();

}  // namespace weir::proxy
