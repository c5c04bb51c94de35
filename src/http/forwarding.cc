// SPDX-License-Identifier: Apache-2.0
#include "http/forwarding.h"

#include <cstring>
#include <initializer_list>

namespace weir::http {

namespace {

std::string_view join(Arena& arena, std::initializer_list<std::string_view> parts) {
  std::size_t size = 0;
  for (std::string_view part : parts) size += part.size();
  char* begin = arena.text(size);
  char* out = begin;
  for (std::string_view part : parts) {
    std::memcpy(out, part.data(), part.size());
    out += part.size();
  }
  return {begin, size};
}

// All values of a list field as one, or nothing.
std::string_view whole_list(const Headers& headers, FieldName id, Arena& arena) {
  std::string_view all;
  for (const Field& field : headers)
    if (field.id == id) all = all.empty() ? field.value : join(arena, {all, ", ", field.value});
  return all;
}

void continue_list(Headers& headers, Arena& arena, FieldName id, std::string_view element, bool keep) {
  std::string_view before = keep ? whole_list(headers, id, arena) : std::string_view();
  headers.remove(id);
  headers.add(arena, spelling(id), before.empty() ? element : join(arena, {before, ", ", element}));
}

}  // namespace

void add_forwarding(RequestHead& head, Arena& arena, const Forwarding& from) {
  Headers& headers = head.headers;
  continue_list(headers, arena, FieldName::XForwardedFor, from.client, from.trusted);
  if (!from.trusted || !headers.has(FieldName::XForwardedProto))
    headers.set(arena, spelling(FieldName::XForwardedProto), from.scheme);
  if (!from.trusted || !headers.has(FieldName::XForwardedHost))
    headers.set(arena, spelling(FieldName::XForwardedHost), head.authority);
  if (headers.has(FieldName::Forwarded)) {
    bool v6 = from.client.find(':') != std::string_view::npos;
    std::string_view open = v6 ? "for=\"[" : "for=", close = v6 ? "]\"" : "";
    std::string_view element = from.client == "unix:"
                                   ? join(arena, {"for=unknown;proto=", from.scheme})
                                   : join(arena, {open, from.client, close, ";host=\"", head.authority, "\";proto=",
                                                  from.scheme});
    continue_list(headers, arena, FieldName::Forwarded, element, from.trusted);
  }
  continue_list(headers, arena, FieldName::Via, "1.1 weir", true);
}

}  // namespace weir::http
