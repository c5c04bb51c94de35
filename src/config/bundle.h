// SPDX-License-Identifier: Apache-2.0
//
// Bundle: all that a load looked at, as one value.  Loading a bundle again needs no disk and no
// environment and gives exactly the same Config, so that what runs is what was checked, in every
// process.  Its hash names the configuration.
#pragma once

#include <weir/result.h>

#include "config/source.h"

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace weir::config {

struct Bundle {
  std::uint64_t generation = 0;   ///< counts loads; not part of the hash
  std::uint32_t cores = 1;        ///< what `workers auto` means here; not part of the hash
  std::vector<SourceFile> files;  ///< [0] is the main file; included ones by resolved name
  std::map<std::string, std::vector<std::string>, std::less<>>
      listings;                                                 ///< include pattern → names
  std::map<std::string, std::string, std::less<>> environment;  ///< the variables it used
  std::map<std::string, std::string, std::less<>> secrets;  ///< of files with secrets, the hashes
};

/// The contents of files with secrets, by name: what must not be in the bundle.
using Secrets = std::map<std::string, std::string, std::less<>>;

/// SHA-256 of the contents, 64 hex digits.
std::string hash(const Bundle& bundle);

/// The bundle as bytes, and back.  Errc::Invalid if they are not what serialise made.
std::string serialise(const Bundle& bundle);
Result<Bundle> parse_bundle(std::string_view bytes);

/// Secrets as bytes, and back.  Errc::Invalid as above.
std::string serialise(const Secrets& secrets);
Result<Secrets> parse_secrets(std::string_view bytes);

/// Reads out of a bundle, which must outlive the reader, as must `secrets`: those that this process may
/// know; null = none.
FileReader bundle_reader(const Bundle& bundle, const Secrets* secrets = nullptr);

/// Reads through `inner`, each thing only once, and writes down in `bundle` and `secrets` all that was
/// seen.  All must outlive it.
FileReader recording_reader(const FileReader& inner, Bundle& bundle, Secrets& secrets);

}  // namespace weir::config
