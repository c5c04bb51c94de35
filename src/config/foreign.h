// SPDX-License-Identifier: Apache-2.0
//
// Words of other proxies' configurations, and what to write in their place.  Whoever comes from nginx,
// HAProxy, Caddy or Traefik types these first: an error about one of them carries the hint, `weir help WORD`
// prints it, and weir.conf(5) lists all.
#pragma once

#include "config/schema.h"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::config {

struct ForeignWord {
  std::string_view word;  ///< in lower case
  std::string_view from;  ///< whose: "nginx", "HAProxy", "nginx, HAProxy"
  std::string_view hint;  ///< what to write, or that there is nothing like it yet
  /// Where it was written, for words that mean different things; also for words that weir has elsewhere.
  std::uint16_t contexts = any_context;
};

/// What is read when the word is met; the same texts as in the error "unknown WHAT".
struct ForeignTable {
  std::string_view what;
  std::span<const ForeignWord> words;
};

/// All of them: "directive" first.
std::span<const ForeignTable> foreign_tables();

/// The word of another proxy, or null.  `what` as in "unknown balance method".
const ForeignWord* find_foreign(std::string_view what, std::string_view word,
                                std::uint16_t context = any_context);

/// The list for weir.conf(5), in mdoc.
std::string foreign_mdoc();

}  // namespace weir::config
