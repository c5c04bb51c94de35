// SPDX-License-Identifier: Apache-2.0
//
// The usual request brings none of these fields, so each is asked for by its bit before anything is
// searched or joined.
#include "http/forwarding.h"

#include "base/characters.h"
#include "http/field.h"

#include <algorithm>
#include <initializer_list>

namespace weir::http {

namespace {

constexpr std::string_view prefix = "x-forwarded-";

std::string_view join(Arena& arena, std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (const std::string_view part : parts) size += part.size();
  char* const begin = arena.text(size);
  char* out = begin;
  for (const std::string_view part : parts) {
    out += part.copy(out, part.size());
  }
  return {begin, size};
}

// The list `before`, continued by `element`; either may be empty.
std::string_view continued(Arena& arena, std::string_view before, std::string_view element) {
  if (before.empty()) return element;
  return element.empty() ? before : join(arena, {before, ", ", element});
}

// The only field of that name, or none at all.
void set_only(Headers& headers, Arena& arena, FieldName id, std::string_view value) {
  headers.remove(id);
  if (!value.empty()) headers.add(arena, id, value);
}

// Names by which servers learn about the client and that have no token.
bool is_claim(const Field& field) {
  if (field.id != FieldName::Other || (field.name.front() | 0x20) != 'x') return false;
  return iequals(field.name.substr(0, prefix.size()), prefix) || iequals(field.name, "x-real-ip");
}

bool is_trusted(const Field& field, const TrustedFields& trusted) {
  if (iequals(field.name, "x-real-ip")) return (trusted.bits & ClientInRealIp) != 0;
  return std::any_of(trusted.others.begin(), trusted.others.end(),
                     [&](std::string_view name) { return iequals(field.name, name); });
}

void remove_claims(Headers& headers, const TrustedFields& trusted) {
  if (trusted.bits == 0 && trusted.others.empty()) {
    headers.remove_if(is_claim);
    return;
  }
  const auto is_unwanted = [&](const Field& field) {
    return is_claim(field) && !is_trusted(field, trusted);
  };
  for (const Field* field = headers.begin(); field != headers.end();)
    if (is_unwanted(*field)) {
      headers.remove(field->name);
      field = headers.begin();  // others have moved
    } else {
      ++field;
    }
}

bool is_ip(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

// "for=…;host=…;proto=…": an IPv6 address and a port need quotes (RFC 7239 §4), and what is no
// address, such as a Unix socket, is "unknown" (§6.2).
std::string_view forwarded_element(Arena& arena, std::string_view address,
                                   std::string_view authority, std::string_view scheme) {
  const bool is_v4 = is_ip(address, "0123456789.");
  const bool is_v6 = !is_v4 && is_ip(address, "0123456789abcdefABCDEF:.");
  const std::string_view open = is_v6 ? "for=\"[" : "for=";
  const std::string_view close = is_v6 ? "]\"" : "";
  const std::string_view client = is_v4 || is_v6 ? address : "unknown";
  if (authority.empty()) return join(arena, {open, client, close, ";proto=", scheme});
  return join(arena, {open, client, close, ";host=\"", authority, "\";proto=", scheme});
}

std::string_view via(const MessageHead& head) {
  static constexpr std::string_view texts[alpn_tokens.size()] = {"1.0 weir", "1.1 weir", "2 weir"};
  return texts[static_cast<std::size_t>(head.protocol)];
}

// A peer on a Unix socket has no address to add; the list of a trusted one stays as it is.
void set_forwarded_for(Headers& headers, Arena& arena, const Forwarding& from) {
  std::string_view before;
  if (from.trusted.bits & ClientInForwardedFor)
    before = combined_list(headers, FieldName::XForwardedFor, arena);
  if (before.empty()) before = from.client.address;
  set_only(headers, arena, FieldName::XForwardedFor, continued(arena, before, from.peer));
}

// Only if the request has one: servers that read Forwarded get the truth, others are spared a field.
void set_forwarded(RequestHead& head, Arena& arena, const Forwarding& from) {
  Headers& headers = head.headers;
  const NamedClient& client = from.client;
  std::string_view before;
  if ((from.trusted.bits & ClientInForwarded) && !client.malformed)
    before = combined_list(headers, FieldName::Forwarded, arena);
  else if (!client.address.empty())
    before = forwarded_element(arena, client.address,
                               client.authority.empty() ? head.authority : client.authority,
                               client.scheme.empty() ? from.scheme : client.scheme);
  const bool adds = before.empty() || !from.peer.empty();
  set_only(headers, arena, FieldName::Forwarded,
           continued(arena, before,
                     adds ? forwarded_element(arena, from.peer, head.authority, from.scheme)
                          : std::string_view()));
}

}  // namespace

std::uint8_t client_field(std::string_view name) {
  if (name == "x-forwarded-for") return ClientInForwardedFor;
  if (name == "x-forwarded-proto") return ProtoInForwardedProto;
  if (name == "x-forwarded-host") return HostInForwardedHost;
  if (name == "forwarded") return ClientInForwarded;
  return name == "x-real-ip" ? ClientInRealIp : 0;
}

void set_forwarding(RequestHead& head, Arena& arena, const Forwarding& from) {
  Headers& headers = head.headers;
  remove_claims(headers, from.trusted);
  set_forwarded_for(headers, arena, from);
  set_only(headers, arena, FieldName::XForwardedProto,
           from.client.scheme.empty() ? from.scheme : from.client.scheme);
  set_only(headers, arena, FieldName::XForwardedHost,
           from.client.authority.empty() ? head.authority : from.client.authority);
  if (headers.has(FieldName::Forwarded)) set_forwarded(head, arena, from);
  set_only(headers, arena, FieldName::Via,
           continued(arena, combined_list(headers, FieldName::Via, arena), via(head)));
}

}  // namespace weir::http
