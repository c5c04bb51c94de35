// SPDX-License-Identifier: Apache-2.0
//
// From text to Config, reporting every mistake and not just the first.  Pure: no name is looked up and no socket touched
// here; regular expressions are compiled only to see whether they can be.
#pragma once

#include "config/bundle.h"
#include "config/config.h"
#include "config/diagnostics.h"
#include "config/kinds.h"

#include <optional>
#include <string>

namespace weir::config {

/// Loads a file and what it includes.  Each statement with a word of `kinds` is built once to check it.
/// Nothing is returned if there were errors; warnings may be there in either case.
/// `bundle` and `secrets`, if not null, get all that was read; the bundle's generation is left as it is.
std::optional<Config> load_file(const std::string& path, const Kinds& kinds,
                                Diagnostics& diagnostics, Bundle* bundle = nullptr,
                                Secrets* secrets = nullptr);

/// The same out of a bundle, which was checked when it was made: filters are not built for it.  The same Config and
/// diagnostics; but of secrets only those that are given, the others have no text.
std::optional<Config> load_bundle(const Bundle& bundle, const Kinds& kinds,
                                  Diagnostics& diagnostics, const Secrets* secrets = nullptr);

/// The same for any reader.
std::optional<Config> load(const std::string& path, const FileReader& reader, const Kinds& kinds,
                           Diagnostics& diagnostics, bool checks_filters = true);

}  // namespace weir::config
