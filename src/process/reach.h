// SPDX-License-Identifier: Apache-2.0
//
// Reach: what a configuration may name that an operator handed over as a descriptor (`reload FILE`).  Its text is
// a socket client's choice, and the master is root: it may read files beneath the directory of the
// configuration weir was started with, and have files opened there or where the present generation has them.
#pragma once

#include "base/fd.h"
#include "config/source.h"
#include "process/plan.h"

#include <string>

namespace weir::process {

/// The directory of a path, "." without one.
std::string directory_of(const std::string& path);

/// Reads `main` (a regular file) under the name `name`, and of other files only regular ones beneath `directory`,
/// whatever links there are.  Environment and cores are those of the disk's reader.
config::FileReader confined_reader(const std::string& directory, const std::string& name, Fd main);

/// Errc::Invalid if `next` wants a file opened that is neither beneath `directory` nor in `now`.
Result<void> check_reach(const Plan& now, const Plan& next, const std::string& directory);

}  // namespace weir::process
