// SPDX-License-Identifier: Apache-2.0
//
// The library as a whole.
#pragma once

namespace weir::tls {

/// Does everything that OpenSSL needs files for (its configuration, its providers), once; to be called
/// before a process gives up its right to open any.
void initialise();

}  // namespace weir::tls
