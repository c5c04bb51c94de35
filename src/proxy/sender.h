// SPDX-License-Identifier: Apache-2.0
//
// Sender: who a request is from.  That is the peer, or the client that a peer in `trusted_proxies` names in the
// fields it is trusted with.  Workers and `explain` find it out with the same code.
#pragma once

#include <weir/message.h>

#include "config/config.h"
#include "http/forwarding.h"
#include "net/address.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {

/// `trusted_proxies`, ready to be asked.  Immutable.
class TrustedProxies {
 public:
  struct Range {
    config::TrustedProxy written;
    std::uint8_t bits = 0;            ///< of http::ClientField
    std::vector<std::string> others;  ///< further fields that are passed on as they are
    http::TrustedFields fields() const { return {bits, others}; }
  };

  TrustedProxies() = default;
  explicit TrustedProxies(const std::vector<config::TrustedProxy>& written);

  bool empty() const { return ranges_.empty(); }
  /// The narrowest range that a peer lies in; null: it is a client.  Lives as long as this.
  const Range* find(const net::Address& peer) const;

 private:
  std::vector<Range> ranges_;  ///< the narrowest first
};

/// The peer's side of a request, before anything in the request is believed.
struct PeerSide {
  const net::Address& address;
  std::string_view text;    ///< of its IP address; anything for a Unix socket
  std::string_view scheme;  ///< "http" or "https"
};

struct Sender {
  net::Address address;     ///< not set: the peer is the client
  std::string_view text;    ///< of that address; empty as well
  std::string_view scheme;  ///< "http" or "https"
  std::string_view host;    ///< in lower case, without port; empty: that of the request
  std::string_view source;  ///< the field that named the client; empty: none did
  const TrustedProxies::Range* by = nullptr;  ///< the range that the peer lies in
};

/// Finds out who has sent a request, and sets in it the fields that tell the server so (http::set_forwarding).  Texts
/// live in `arena`, in the head or in `peer`.
Sender identify(RequestHead& head, Arena& arena, const TrustedProxies& trusted,
                const PeerSide& peer);

/// A trusted proxy says that it got the request before its client's handshake was complete: it may be a replay (RFC 8470
/// §5.1).
bool is_early(const RequestHead& head, const TrustedProxies& trusted, const net::Address& peer);

}  // namespace weir::proxy
