// SPDX-License-Identifier: Apache-2.0
//
// The usual request brings none of these fields, so each is asked for by its bit before anything is
// searched or joined.
#include "http/forwarding.h"

#include "http/field.h"

#include <algorithm>
#include <initializer_list>

namespace weir::http {

namespace {

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

// One field of that name with `element` at the end of the list, or alone if `keep` is false.
void end_list_with(Headers& headers, Arena& arena, FieldName id, std::string_view element,
                   bool keep) {
  if (headers.has(id)) {
    const std::string_view before = keep ? combined_list(headers, id, arena) : std::string_view();
    headers.remove(id);
    if (!before.empty()) element = join(arena, {before, ", ", element});
  }
  headers.add(arena, id, element);
}

void replace(Headers& headers, Arena& arena, FieldName id, std::string_view value, bool keep) {
  if (headers.has(id)) {
    if (keep) return;
    headers.remove(id);
  }
  headers.add(arena, id, value);
}

// Names by which servers learn about the client and that we do not set ourselves.
bool is_claim(const Field& field) {
  constexpr std::string_view prefix = "x-forwarded-";
  if (field.id != FieldName::Other || (field.name.front() | 0x20) != 'x') return false;
  return iequals(field.name.substr(0, prefix.size()), prefix) || iequals(field.name, "x-real-ip");
}

bool is_ip(std::string_view text, std::string_view characters) {
  return !text.empty() && text.find_first_not_of(characters) == std::string_view::npos;
}

// "for=…;host=…;proto=…": an IPv6 address and a port need quotes (RFC 7239 §4), and what is no
// address, such as a Unix socket, is "unknown" (§6.2).
std::string_view forwarded_element(const RequestHead& head, Arena& arena, const Forwarding& from) {
  const bool is_v4 = is_ip(from.client, "0123456789.");
  const bool is_v6 = !is_v4 && is_ip(from.client, "0123456789abcdefABCDEF:.");
  const std::string_view open = is_v6 ? "for=\"[" : "for=";
  const std::string_view close = is_v6 ? "]\"" : "";
  const std::string_view client = is_v4 || is_v6 ? from.client : "unknown";
  if (head.authority.empty()) return join(arena, {open, client, close, ";proto=", from.scheme});
  return join(arena, {open, client, close, ";host=\"", head.authority, "\";proto=", from.scheme});
}

std::string_view via(const MessageHead& head) {
  if (head.major == 2) return "2 weir";
  return head.minor == 0 ? "1.0 weir" : "1.1 weir";
}

// "192.0.2.1:4711", "[2001:db8::1]:4711" and "[2001:db8::1]" without port and brackets.
std::string_view bare_address(std::string_view text) {
  if (text.starts_with('[')) return text.substr(1, std::min(text.find(']'), text.size()) - 1);
  const std::size_t colon = text.find(':');
  const bool has_one_colon = colon != std::string_view::npos && colon == text.rfind(':');
  return has_one_colon ? text.substr(0, colon) : text;
}

// Takes the last element off a comma list.
std::string_view last_element(std::string_view& list) {
  const std::size_t comma = list.rfind(',');
  std::string_view element = comma == std::string_view::npos ? list : list.substr(comma + 1);
  list = list.substr(0, comma == std::string_view::npos ? 0 : comma);
  return next_element(element);
}

}  // namespace

void add_forwarding(RequestHead& head, Arena& arena, const Forwarding& from) {
  Headers& headers = head.headers;
  if (!from.trusted) headers.remove_if(is_claim);
  end_list_with(headers, arena, FieldName::XForwardedFor, from.client, from.trusted);
  replace(headers, arena, FieldName::XForwardedProto, from.scheme, from.trusted);
  if (!head.authority.empty())
    replace(headers, arena, FieldName::XForwardedHost, head.authority, from.trusted);
  else if (!from.trusted)
    headers.remove(FieldName::XForwardedHost);
  if (headers.has(FieldName::Forwarded))
    end_list_with(headers, arena, FieldName::Forwarded, forwarded_element(head, arena, from),
                  from.trusted);
  end_list_with(headers, arena, FieldName::Via, via(head), true);
}

std::string_view effective_client(const Headers& headers, JudgeHop judge, const void* context) {
  std::string_view client;
  if (!headers.has(FieldName::XForwardedFor)) return client;
  for (const Field* field = headers.end(); field != headers.begin();) {
    --field;
    if (field->id != FieldName::XForwardedFor) continue;
    std::string_view list = field->value;
    while (!list.empty()) {
      const std::string_view element = last_element(list);
      if (element.empty()) continue;
      const std::string_view address = bare_address(element);
      switch (judge(context, address)) {
        case Hop::Malformed: return client;
        case Hop::Untrusted: return address;
        case Hop::Trusted: client = address;
      }
    }
  }
  return client;
}

}  // namespace weir::http
