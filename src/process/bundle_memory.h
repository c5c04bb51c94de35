// SPDX-License-Identifier: Apache-2.0
//
// A bundle as a sealed memfd: what the loader checked is, byte for byte, what every process runs.
#pragma once

#include <weir/result.h>

#include "base/fd.h"
#include "config/bundle.h"
#include "config/config.h"

#include <memory>
#include <string>
#include <string_view>

namespace weir::process {

/// Text in memory that nobody can change any more.
Result<Fd> seal_text(const char* name, std::string_view text);

/// A configuration as such text: what everybody may see, and the secrets, which go to workers; those of
/// them that control needs for its checks once more.
struct Sealed {
  Fd bundle, secrets, check_secrets;
};
Result<Sealed> seal(const config::Bundle& bundle, const config::Secrets& secrets,
                    const config::Config& config);

/// Its bytes, and the bundle itself.
Result<std::string> bytes_of_sealed(int fd);
Result<config::Bundle> read_sealed(int fd);

/// Loads the configuration out of it.  It was valid when it was sealed, so an error is a bug or another
/// version's bundle.  `secrets`: where those are that this process may know; -1 = it may know none.
Result<std::unique_ptr<config::Config>> load_sealed(int fd, int secrets = -1);
Result<std::unique_ptr<config::Config>> load_bytes(std::string_view bundle,
                                                   std::string_view secrets);

}  // namespace weir::process
