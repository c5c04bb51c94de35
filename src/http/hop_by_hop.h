// SPDX-License-Identifier: Apache-2.0
//
// What belongs to one connection only (RFC 9110 §7.6.1): the Connection field, the fields it names,
// and which names must not be removed in this way or smuggled in through a trailer section.
#pragma once

#include <weir/arena.h>
#include <weir/headers.h>

#include <cstdint>
#include <string_view>

namespace weir::http {

/// The options of Connection that weir knows.
struct ConnectionOptions {
  bool close = false;
  bool keep_alive = false;
  bool upgrade = false;
};

enum class Nomination : std::uint8_t {
  Fine,
  Malformed,  ///< an option is no token
  Protected   ///< a field is named whose absence would change what the message means
};

/// Reads Connection into `options` and removes from `headers` the fields it names.  Upgrade and TE
/// stay, though named: their values are still of interest.  So do Connection itself and whatever is
/// protected; the writer never passes on what is hop-by-hop.
Nomination take_connection_options(Headers& headers, ConnectionOptions& options);

/// Removes from `trailers` the fields that Connection in `headers`, of the same message, names.
void remove_nominated(const Headers& headers, Headers& trailers);

/// True for names that may not stand in a trailer section (RFC 9110 §6.5.1): framing, routing,
/// authentication, request modifiers, content, and everything hop-by-hop.
bool is_forbidden_in_trailers(const Field& field);

}  // namespace weir::http
