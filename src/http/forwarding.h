// SPDX-License-Identifier: Apache-2.0
//
// What a proxy tells the server about the client (RFC 7239, and the X-Forwarded-* that came before),
// and that it was there (Via, RFC 9110 §7.6.3).
#pragma once

#include <string_view>

#include <weir/message.h>

namespace weir::http {

struct Forwarding {
  std::string_view client;  ///< the peer's address
  std::string_view scheme;  ///< "http" or "https"
  bool trusted = false;     ///< the peer is in trusted_proxies: what it says of others is kept
};

/// Sets X-Forwarded-For, -Proto and -Host, extends Via, and replaces a Forwarded that came from the
/// client.  What a trusted peer said is kept and, where it is a list, continued.
void add_forwarding(RequestHead& head, Arena& arena, const Forwarding& from);

}  // namespace weir::http
