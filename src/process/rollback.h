// SPDX-License-Identifier: Apache-2.0
//
// What a rollback loads: the files of a generation of the past, but with the certificates and keys of the
// present one wherever both name them.  A certificate that was replaced since, perhaps because its key
// had become known, does not come back with an old configuration.  No disk is read.
#pragma once

#include <weir/result.h>

#include "config/bundle.h"

namespace weir::process {

struct Restored {
  config::Bundle bundle;
  config::Secrets secrets;
};

/// Of sealed bundles and their secrets; see process/bundle_memory.h.
struct SealedFds {
  int bundle, secrets;
};
Result<Restored> restore(SealedFds past, SealedFds present);

}  // namespace weir::process
