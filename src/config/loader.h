// SPDX-License-Identifier: Apache-2.0
//
// From text to Config, reporting every mistake and not just the first.  Pure: no regular expression
// is compiled, no name looked up and no socket touched here.
#pragma once

#include <weir/filter.h>

#include "config/bundle.h"
#include "config/config.h"
#include "config/diagnostics.h"

#include <optional>
#include <span>
#include <string>

namespace weir::config {

/// Loads a file and what it includes.  `filters` are the policy words there are; their make() checks
/// each statement.  Nothing is returned if there were errors; warnings may be there in either case.
/// `bundle` and `secrets`, if not null, get all that was read; the bundle's generation is left as it is.
std::optional<Config> load_file(const std::string& path, std::span<const FilterKind> filters,
                                Diagnostics& diagnostics, Bundle* bundle = nullptr,
                                Secrets* secrets = nullptr);

/// The same out of a bundle: the same Config, the same diagnostics; but of secrets only those that are
/// given, the others have no text.
std::optional<Config> load_bundle(const Bundle& bundle, std::span<const FilterKind> filters,
                                  Diagnostics& diagnostics, const Secrets* secrets = nullptr);

/// The same for any reader.
std::optional<Config> load(const std::string& path, const FileReader& reader,
                           std::span<const FilterKind> filters, Diagnostics& diagnostics);

}  // namespace weir::config
