// SPDX-License-Identifier: Apache-2.0
//
// find_client.  A chain of addresses is walked from the right, the end that the peer wrote; each step to the left
// needs a proxy that is itself trusted with that field.
#include "base/characters.h"
#include "base/cursor.h"
#include "http/field.h"
#include "http/field_list.h"
#include "http/forwarded.h"
#include "http/forwarding.h"
#include "http/url.h"

#include <array>

namespace weir::http {

namespace {

// The state of a walk through a chain.
struct Walk {
  FindHop find;
  const void* context;
  std::uint8_t trusted;           // what all proxies that were passed are trusted with
  std::size_t position = 0;       // of the client in its list, from the right
  std::string_view address = {};  // the last one that was believed

  // The element at `position`; true if the one to its left is believed, too.
  bool step(std::string_view node, std::uint8_t field) {
    const Hop hop = find(context, node);
    if (!hop.is_address) return false;
    address = node;
    if ((hop.trusted & field) == 0) return false;
    trusted &= hop.trusted;
    return true;
  }
};

// "192.0.2.1:4711", "[2001:db8::1]:4711" and "[2001:db8::1]" without port and brackets.
std::string_view bare_address(std::string_view text) {
  if (text.starts_with('[')) return text.substr(1, find_or_end(text, ']') - 1);
  const std::size_t colon = text.find(':');
  const bool has_one_colon = colon != std::string_view::npos && colon == text.rfind(':');
  return has_one_colon ? text.substr(0, colon) : text;
}

// Some proxies write ws or wss for a WebSocket.
std::string_view known_scheme(std::string_view text) {
  if (iequals(text, "https") || iequals(text, "wss")) return "https";
  return iequals(text, "http") || iequals(text, "ws") ? "http" : std::string_view();
}

std::string_view sound_authority(std::string_view text) {
  return parse_authority(text) ? text : std::string_view();
}

// False if there is no such list.
bool walk_forwarded_for(const Headers& headers, Walk& walk) {
  ReverseList list(headers, FieldName::XForwardedFor);
  std::string_view element = list.next();
  if (element.empty()) return false;
  while (walk.step(bare_address(element), ClientInForwardedFor)) {
    element = list.next();
    if (element.empty()) break;
    ++walk.position;
  }
  return true;
}

void walk_forwarded(std::span<const ForwardedElement> elements, Walk& walk, NamedClient& client) {
  std::size_t at = elements.size() - 1;
  while (walk.step(bare_address(elements[at].node), ClientInForwarded) && at > 0) --at;
  client.scheme = known_scheme(elements[at].proto);
  client.authority = sound_authority(elements[at].host);
  walk.position = elements.size() - 1 - at;
}

// The only one, or none: of two, one may be the client's.
std::string_view real_ip(const Headers& headers) {
  std::string_view value;
  for (const Field& field : headers) {
    if (field.id != FieldName::Other || !iequals(field.name, "x-real-ip")) continue;
    if (!value.empty()) return {};
    value = field.value;
  }
  return value;
}

// The element that was written at the same place as the client's address.  A shorter list was overwritten on the way:
// then its leftmost element counts.  If a proxy on the way is not trusted with the field, only the rightmost element
// does, which the peer wrote.
std::string_view element_at(const Headers& headers, FieldName id, std::uint8_t bit,
                            const Walk& walk) {
  ReverseList list(headers, id);
  std::string_view element = list.next();
  if ((walk.trusted & bit) == 0) return element;
  for (std::size_t i = 0; i < walk.position; ++i) {
    const std::string_view left = list.next();
    if (left.empty()) break;
    element = left;
  }
  return element;
}

bool read_forwarded(const Headers& headers, Arena& arena, Walk& walk, NamedClient& client) {
  if (!headers.has(FieldName::Forwarded)) return false;
  std::array<ForwardedElement, most_forwarded_elements> elements;
  const auto count = parse_forwarded(combined_list(headers, FieldName::Forwarded, arena), elements);
  client.malformed = !count;
  if (!count || *count == 0) return false;
  walk_forwarded(std::span(elements).first(*count), walk, client);
  return true;
}

}  // namespace

NamedClient find_client(const Headers& headers, const TrustedFields& peer, FindHop find,
                        const void* context, Arena& arena) {
  NamedClient client;
  Walk walk{find, context, peer.bits};
  if ((peer.bits & ClientInForwarded) && read_forwarded(headers, arena, walk, client)) {
    client.source = "Forwarded";
  } else if ((peer.bits & ClientInForwardedFor) && headers.has(FieldName::XForwardedFor) &&
             walk_forwarded_for(headers, walk)) {
    client.source = "X-Forwarded-For";
  } else if (peer.bits & ClientInRealIp) {
    (void)walk.step(bare_address(real_ip(headers)), 0);
    client.source = "X-Real-IP";
  }
  client.address = walk.address;
  if (client.scheme.empty() && (peer.bits & ProtoInForwardedProto))
    client.scheme =
        known_scheme(element_at(headers, FieldName::XForwardedProto, ProtoInForwardedProto, walk));
  if (client.authority.empty() && (peer.bits & HostInForwardedHost))
    client.authority =
        sound_authority(element_at(headers, FieldName::XForwardedHost, HostInForwardedHost, walk));
  return client;
}

}  // namespace weir::http
