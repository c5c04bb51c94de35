// SPDX-License-Identifier: Apache-2.0
#include "http/field_lines.h"

#include <cstring>
#include <iterator>

#include "http/characters.h"
#include "http/field.h"

namespace weir::http {

namespace {

constexpr std::size_t most_fields = 512;  // more than any configured limit allows

// A line without CRLF into a field; false if it is malformed.
bool parse_line(const char* begin, const char* end, Field& field, bool& underscore) {
  const char* at = begin;
  underscore = false;
  while (at < end && is_token_char(*at)) underscore |= *at++ == '_';
  if (at == begin || at == end || *at != ':') return false;
  field.name = {begin, static_cast<std::size_t>(at - begin)};
  const char* value = ++at;
  while (value < end && (*value == ' ' || *value == '\t')) ++value;
  const char* last = end;
  while (last > value && (last[-1] == ' ' || last[-1] == '\t')) --last;
  for (const char* c = value; c < last; ++c)
    if (!is_value_char(*c)) return false;
  field.value = {value, static_cast<std::size_t>(last - value)};
  field.canonical = last == end && value == at + 1 && *at == ' ';
  field.id = field_name(field.name);
  return true;
}

bool is_protected(std::string_view name) {
  switch (field_name(name)) {
    case FieldName::Authorization:
    case FieldName::ContentEncoding:
    case FieldName::ContentLength:
    case FieldName::ContentType:
    case FieldName::Cookie:
    case FieldName::Expect:
    case FieldName::Forwarded:
    case FieldName::Host:
    case FieldName::SetCookie:
    case FieldName::TransferEncoding:
    case FieldName::Via:
    case FieldName::XForwardedFor:
    case FieldName::XForwardedHost:
    case FieldName::XForwardedProto: return true;
    default: break;
  }
  auto begins_with = [name](std::string_view start) {
    return name.size() >= start.size() && iequals(name.substr(0, start.size()), start);
  };
  return begins_with("content-") || begins_with("x-forwarded-") || iequals(name, "x-real-ip");
}

bool take_options(std::string_view list, Headers& headers, ConnectionOptions& options) {
  for (std::string_view name = next_element(list); !name.empty(); name = next_element(list)) {
    if (iequals(name, "close")) {
      options.close = true;
    } else if (iequals(name, "keep-alive")) {
      options.keep_alive = true;
    } else if (iequals(name, "upgrade")) {
      options.upgrade = true;
    } else if (is_protected(name)) {
      return false;
    } else if (!iequals(name, "te")) {
      headers.remove(name);
    }
  }
  return true;
}

}  // namespace

bool parse_field_lines(std::span<const char> bytes, Arena& arena, MessageHead& head) {
  Field fields[most_fields];
  std::size_t count = 0;
  const char* at = bytes.data();
  const char* stop = at + bytes.size();
  while (at < stop && *at != '\r') {
    auto* newline = static_cast<const char*>(std::memchr(at, '\n', static_cast<std::size_t>(stop - at)));
    bool underscore;
    if (!newline || count == most_fields || !parse_line(at, newline - 1, fields[count], underscore)) return false;
    if (underscore)
      ++head.dropped_fields;
    else
      ++count;
    at = newline + 1;
  }
  // The empty line, and nothing behind it: a CR elsewhere at the start of a line is no end.
  if (stop - at != 2) return false;
  head.headers.assign(arena, {fields, count});
  return true;
}

bool take_connection_options(Headers& headers, ConnectionOptions& options) {
  if (!headers.has(FieldName::Connection) && !headers.has(FieldName::ProxyConnection)) return true;
  // Removing fields moves the others, so the lists are taken out first.
  std::string_view lists[8];
  std::size_t count = 0;
  for (const Field& field : headers)
    if (field.id == FieldName::Connection) {
      if (count == std::size(lists)) return false;
      lists[count++] = field.value;
    }
  for (std::size_t i = 0; i < count; ++i)
    if (!take_options(lists[i], headers, options)) return false;
  headers.remove(FieldName::Connection);
  headers.remove(FieldName::ProxyConnection);
  return true;
}

bool may_stand_in_trailers(const Field& field) {
  switch (field.id) {
    case FieldName::Connection:
    case FieldName::Expect:
    case FieldName::KeepAlive:
    case FieldName::Location:
    case FieldName::ProxyAuthenticate:
    case FieldName::ProxyAuthorization:
    case FieldName::ProxyConnection:
    case FieldName::Te:
    case FieldName::Trailer:
    case FieldName::Upgrade:
    case FieldName::Via: return false;
    default: return !is_protected(field.name);
  }
}

}  // namespace weir::http
