// SPDX-License-Identifier: Apache-2.0
//
// Resolvers: which name servers a configuration means.  Looked up by the loader, since nobody else can read
// files when the configuration changes.
#pragma once

#include "config/config.h"

#include <string>
#include <vector>

namespace weir::process {

/// Those of the configuration; if it names none, those of /etc/resolv.conf; if that names none, this machine.  Each is
/// an address, with or without a port.
std::vector<std::string> resolvers(const config::Config& config);

}  // namespace weir::process
