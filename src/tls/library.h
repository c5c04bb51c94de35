// SPDX-License-Identifier: Apache-2.0
//
// The library as a whole.
#pragma once

#include <string>

namespace weir::tls {

/// Does everything that OpenSSL needs files for (its configuration, its providers), once; to be called
/// before a process gives up its right to open any.
void initialise();

/// Who does TLS in this program and on this processor, for people: "OpenSSL 3.0.19 27 Jan 2026".
std::string describe();

}  // namespace weir::tls
