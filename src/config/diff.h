// SPDX-License-Identifier: Apache-2.0
//
// How two configurations differ in meaning: what `plan` and `explain generation` tell.  Places,
// comments, blanks and the order of listeners, backends and servers mean nothing.
#pragma once

#include "config/config.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::config {

/// One difference of meaning between two configurations.
struct Change {
  enum class Kind : std::uint8_t { Added, Removed, Changed };

  Kind kind;
  std::string object;    ///< "workers", "listener web", "route web/api_v2", "server api/a1"
  std::string what;      ///< of it, in the words of the file: "weight", "bind 127.0.0.1:80", "check
                         ///< interval", "order"; empty = the object itself
  std::string from, to;  ///< as `weir -T` prints them; empty where there is none or `what` says it
  std::string from_place,
      to_place;                ///< "weir.conf:12"; empty for a default, and where there is none
  bool needs_upgrade = false;  ///< it cannot change in place
};

/// All differences, in the order of the file; what was removed comes before what was added.
///
/// Objects are the same if their names are; routes by route_identities(), else by what they match (then
/// "name" has changed).  What goes or comes whole is one change.  A policy of a listener or a backend
/// is said once, there, and not for each route it applies to; nothing is said if no route notices.  The
/// time is linear in the size of both.
std::vector<Change> diff(const Config& from, const Config& to);

/// One line, without its end: "~ server api/a1 weight 1 -> 5  (weir.conf:12)", "+ backend b
/// (weir.conf:30)", "- user web  (weir.conf:2) needs upgrade".  Long values are cut.
std::string text(const Change& change);

}  // namespace weir::config
