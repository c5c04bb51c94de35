// SPDX-License-Identifier: Apache-2.0
//
// What a proxy tells the server about the client (RFC 7239, and the X-Forwarded-* that came before),
// that it was there (Via, RFC 9110 §7.6.3), and whom to believe when others have told it before.
#pragma once

#include <weir/message.h>

#include <cstdint>
#include <string_view>

namespace weir::http {

struct Forwarding {
  std::string_view client;  ///< the peer's address, without port
  std::string_view scheme;  ///< "http" or "https"
  bool trusted = false;     ///< the peer is in trusted_proxies: what it says of others is kept
};

/// Sets X-Forwarded-For, -Proto and -Host, extends Via, and replaces a Forwarded that came from the
/// client; other X-Forwarded-* and X-Real-IP of an untrusted peer are removed.  What a trusted peer
/// said is kept and, where it is a list, continued.  Fields are added at the end of the list.  The
/// texts in `from` must live as long as the head.
void add_forwarding(RequestHead& head, Arena& arena, const Forwarding& from);

/// What a judge says of an address in X-Forwarded-For.
enum class Hop : std::uint8_t { Trusted, Untrusted, Malformed };

/// Tells whether an address (without port and brackets) is one of our own proxies.
using JudgeHop = Hop (*)(const void* context, std::string_view address);

/// The address of the client behind a trusted peer: the rightmost one in X-Forwarded-For that is not
/// trusted; if all are, the leftmost.  What stands left of a malformed one is not believed.  Empty if
/// there is none: then the peer is the client.
std::string_view effective_client(const Headers& headers, JudgeHop judge, const void* context);

}  // namespace weir::http
