// SPDX-License-Identifier: Apache-2.0
//
// The release number, in one place of the program: another one does not compile everything anew.
#include <weir/version.h>

namespace weir {

const char* const version = "0.1.0";

}  // namespace weir
