// SPDX-License-Identifier: Apache-2.0
#include "proxy/sender.h"

#include "base/characters.h"
#include "http/url.h"

#include <sys/socket.h>

#include <algorithm>

namespace weir::proxy {

namespace {

http::Hop find_hop(const void* context, std::string_view text) {
  const auto address = net::Address::from_ip(text);
  if (!address) return {};
  const auto* range = static_cast<const TrustedProxies*>(context)->find(*address);
  return {true, range ? range->bits : std::uint8_t{0}};
}

bool holds(const config::TrustedProxy& proxy, const net::Address& peer) {
  if (proxy.local || peer.family() == AF_UNIX) return proxy.local && peer.family() == AF_UNIX;
  return peer.is_in(proxy.range);
}

// What `$host` is for a request with that authority.
std::string_view host_of(std::string_view authority, Arena& arena) {
  const auto parsed = http::parse_authority(authority);
  if (!parsed) return {};
  char* const lower = arena.text(parsed->host.size());
  std::transform(parsed->host.begin(), parsed->host.end(), lower,
                 [](char c) { return to_lower(c); });
  return {lower, parsed->host.size()};
}

}  // namespace

TrustedProxies::TrustedProxies(const std::vector<config::TrustedProxy>& written) {
  for (const config::TrustedProxy& proxy : written) {
    Range& range = ranges_.emplace_back();
    range.written = proxy;
    for (const std::string& field : proxy.fields)
      if (const std::uint8_t bit = http::client_field(field))
        range.bits |= bit;
      else
        range.others.push_back(field);
  }
  std::stable_sort(ranges_.begin(), ranges_.end(), [](const Range& a, const Range& b) {
    return a.written.range.bits > b.written.range.bits;
  });
}

const TrustedProxies::Range* TrustedProxies::find(const net::Address& peer) const {
  const auto found = std::find_if(ranges_.begin(), ranges_.end(),
                                  [&](const Range& range) { return holds(range.written, peer); });
  return found == ranges_.end() ? nullptr : &*found;
}

Sender identify(RequestHead& head, Arena& arena, const TrustedProxies& trusted,
                const PeerSide& peer) {
  Sender sender;
  sender.scheme = peer.scheme;
  http::Forwarding from;
  if (peer.address.family() != AF_UNIX) from.peer = peer.text;
  from.scheme = peer.scheme;
  if (!trusted.empty()) sender.by = trusted.find(peer.address);
  if (sender.by) {
    from.trusted = sender.by->fields();
    from.client = http::find_client(head.headers, from.trusted, find_hop, &trusted, arena);
    if (!from.client.address.empty()) {
      sender.address = *net::Address::from_ip(from.client.address);
      sender.text = from.client.address;
      sender.source = from.client.source;
    }
    if (!from.client.scheme.empty()) sender.scheme = from.client.scheme;
    sender.host = host_of(from.client.authority, arena);
  }
  http::set_forwarding(head, arena, from);
  return sender;
}

bool is_early(const RequestHead& head, const TrustedProxies& trusted, const net::Address& peer) {
  if (trusted.empty()) return false;
  const Field* early = head.headers.find(FieldName::EarlyData);
  return early && early->value == "1" && trusted.find(peer);
}

}  // namespace weir::proxy
