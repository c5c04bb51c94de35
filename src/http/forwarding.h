// SPDX-License-Identifier: Apache-2.0
//
// What a proxy tells the server about the client (RFC 7239, and the X-Forwarded-* that came before),
// that it was there (Via, RFC 9110 §7.6.3), and which fields of proxies in front of it are believed.
#pragma once

#include <weir/message.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace weir::http {

/// Fields that say who the client is; bits.
enum ClientField : std::uint8_t {
  ClientInForwardedFor = 1,
  ClientInForwarded = 2,
  ClientInRealIp = 4,
  ProtoInForwardedProto = 8,
  HostInForwardedHost = 16
};

/// The fields that a proxy is known to overwrite.  Every other one is its client's.
struct TrustedFields {
  std::uint8_t bits = 0;  ///< of ClientField
  std::span<const std::string> others =
      {};  ///< further ones in lower case, which weir does not read
};

/// The bit of a field by its lower-case name; 0 for one that weir does not read.
std::uint8_t client_field(std::string_view name);

/// One address in a chain of proxies.
struct Hop {
  bool is_address = false;
  std::uint8_t trusted = 0;  ///< TrustedFields::bits of a proxy at that address
};

/// Looks up an address (without port and brackets).
using FindHop = Hop (*)(const void* context, std::string_view address);

/// What a trusted peer's fields say about the client.  Empty texts: nothing that is believed.
struct NamedClient {
  std::string_view address;    ///< IP, without port and brackets
  std::string_view scheme;     ///< "http" or "https"
  std::string_view authority;  ///< host[:port], well-formed
  std::string_view source;     ///< the field that `address` is from
  bool malformed = false;      ///< Forwarded is, and nothing of it counts
};

/// Reads the fields that a peer is trusted with.  Forwarded decides if it is one of them, then X-Forwarded-For,
/// then X-Real-IP.  Addresses are read from the right to the first one that is not itself trusted with that
/// field, or to the leftmost; what stands left of one that is no address is not believed.  Scheme and host are
/// those of the same place in their lists: of the same element of Forwarded, else of X-Forwarded-Proto and
/// -Host.  `arena` holds what has to be joined.
NamedClient find_client(const Headers& headers, const TrustedFields& peer, FindHop find,
                        const void* context, Arena& arena);

struct Forwarding {
  std::string_view peer;    ///< the peer's address, without port; empty for a Unix socket
  std::string_view scheme;  ///< "http" or "https": of the peer's connection
  TrustedFields trusted;    ///< what the peer is trusted with; nothing: the peer is the client
  NamedClient client;       ///< as find_client has read it
};

/// Sets X-Forwarded-For, -Proto and -Host, extends Via, and replaces a Forwarded that came from the
/// client; other X-Forwarded-* and X-Real-IP are removed.  Lists in fields that the peer is trusted with are
/// continued, the others in `trusted` stay as they are.  Fields are added at the end of the head.  The
/// texts in `from` must live as long as the head.
void set_forwarding(RequestHead& head, Arena& arena, const Forwarding& from);

}  // namespace weir::http
