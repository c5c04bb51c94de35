// SPDX-License-Identifier: Apache-2.0
//
// Naming a field in Connection makes every proxy remove it.  A client that could remove what a proxy
// before us has added, or what tells where a body ends, would have two messages in one.
#include "http/hop_by_hop.h"

#include "base/characters.h"
#include "http/field.h"

#include <algorithm>
#include <array>

namespace weir::http {

namespace {

bool begins_with(std::string_view name, std::string_view start) {
  return name.size() >= start.size() && iequals(name.substr(0, start.size()), start);
}

bool is_protected(std::string_view name) {
  switch (field_name(name)) {
    case FieldName::Authorization:
    case FieldName::Cookie:
    case FieldName::Date:
    case FieldName::EarlyData:
    case FieldName::Expect:
    case FieldName::Forwarded:
    case FieldName::Host:
    case FieldName::Location:
    case FieldName::ProxyAuthorization:
    case FieldName::SetCookie:
    case FieldName::TransferEncoding:
    case FieldName::Via: return true;
    default: break;
  }
  return begins_with(name, "content-") || begins_with(name, "x-forwarded-") ||
         iequals(name, "x-real-ip");
}

// Options that are no nomination, or of a field that stays.
bool is_known_option(std::string_view name, ConnectionOptions& options) {
  switch (name.size()) {
    case 2: return iequals(name, "te");
    case 5: return iequals(name, "close") && (options.close = true);
    case 7: return iequals(name, "upgrade") && (options.upgrade = true);
    case 10: return iequals(name, "keep-alive") && (options.keep_alive = true);
    default: return false;
  }
}

Nomination take_list(std::string_view list, Headers& headers, ConnectionOptions& options) {
  if (is_known_option(list, options)) return Nomination::Fine;  // nearly always
  Nomination result = Nomination::Fine;
  while (true) {
    const std::string_view name = next_element(list);
    if (name.empty()) return result;
    if (is_known_option(name, options)) continue;
    if (!is_token(name)) return Nomination::Malformed;
    if (is_protected(name)) {
      result = Nomination::Protected;
    } else {
      headers.remove(name);
    }
  }
}

}  // namespace

Nomination take_connection_options(Headers& headers, ConnectionOptions& options) {
  // Removing what a list names moves the fields behind it, so the lists are taken out first.
  std::array<std::string_view, 8> lists;
  std::size_t count = 0;
  for (const Field& field : headers) {
    if (field.id != FieldName::Connection) continue;
    if (count == lists.size()) return Nomination::Malformed;
    lists[count++] = field.value;
  }
  Nomination result = Nomination::Fine;
  for (std::size_t i = 0; i < count; ++i) {
    const Nomination one = take_list(lists[i], headers, options);
    if (one == Nomination::Malformed) return one;
    if (one == Nomination::Protected) result = one;
  }
  return result;
}

void remove_nominated(const Headers& headers, Headers& trailers) {
  if (trailers.empty() || !headers.has(FieldName::Connection)) return;
  for (const Field& field : headers) {
    if (field.id != FieldName::Connection) continue;
    std::string_view list = field.value;
    for (std::string_view name = next_element(list); !name.empty(); name = next_element(list))
      trailers.remove(name);
  }
}

bool is_forbidden_in_trailers(const Field& field) {
  // All that weir looks at means something before the body or not at all.
  if (field.id != FieldName::Other) return true;
  static constexpr std::array<std::string_view, 5> prefixes = {"content-", "if-", "proxy-",
                                                               "x-forwarded-", "access-control-"};
  static constexpr std::array<std::string_view, 14> names = {
      "age",         "cache-control", "expires",  "http2-settings",  "max-forwards",
      "origin",      "pragma",        "priority", "range",           "retry-after",
      "set-cookie2", "vary",          "warning",  "www-authenticate"};
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](std::string_view start) { return begins_with(field.name, start); }) ||
         std::any_of(names.begin(), names.end(),
                     [&](std::string_view name) { return iequals(field.name, name); }) ||
         iequals(field.name, "x-real-ip");
}

}  // namespace weir::http
