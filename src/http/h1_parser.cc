// SPDX-License-Identifier: Apache-2.0
//
// Start lines, and the order in which a head is understood: its bytes, its fields, where its body
// ends, where it goes, and what it says about the connection.
#include "http/h1_parser.h"

#include "base/characters.h"
#include "http/field.h"
#include "http/field_lines.h"
#include "http/framing.h"
#include "http/hop_by_hop.h"
#include "http/message.h"
#include "http/search.h"
#include "http/target.h"

#include <cstring>

namespace weir::http {

namespace {

// The bytes before the first blank or control; `at` moves there.
std::string_view take_word(const char*& at, const char* end) {
  const char* const begin = at;
  at = find_word_end(at, end);
  return {begin, static_cast<std::size_t>(at - begin)};
}

// "HTTP/d.d"; `at` moves behind it.  What is understood is the major version 1 only.
bool take_version(const char*& at, const char* end, char& major, MessageHead& head) {
  if (end - at < 8 || std::memcmp(at, "HTTP/", 5) != 0 || at[6] != '.') return false;
  if (!is_digit(at[5]) || !is_digit(at[7])) return false;
  major = at[5];
  if (major == '1' && at[7] == '0') head.protocol = Protocol::Http10;
  at += 8;
  return true;
}

bool take_blank(const char*& at, const char* end) { return at < end && *at++ == ' '; }

bool take_line_end(const char*& at, const char* end) {
  if (end - at < 2 || at[0] != '\r' || at[1] != '\n') return false;
  at += 2;
  return true;
}

std::span<const char> rest(const char* at, const char* end) {
  return {at, static_cast<std::size_t>(end - at)};
}

Failure take_request_line(const char*& at, const char* end, RequestHead& head) {
  take_line_end(at, end);  // one empty line before a request is forgiven (RFC 9112 §2.2)
  head.method_text = take_word(at, end);
  head.method = method_from(head.method_text);
  if (head.method == Method::Other && !is_token(head.method_text)) return Failure::RequestSyntax;
  if (!take_blank(at, end)) return Failure::RequestSyntax;
  head.target = take_word(at, end);
  if (head.target.empty() || !take_blank(at, end)) return Failure::RequestSyntax;
  char major = '0';
  if (!take_version(at, end, major, head) || !take_line_end(at, end)) return Failure::RequestSyntax;
  if (major == '0') return Failure::RequestSyntax;
  return major == '1' ? Failure::None : Failure::RequestVersion;
}

bool take_status_line(const char*& at, const char* end, ResponseHead& head) {
  char major = '0';
  if (!take_version(at, end, major, head) || major != '1' || !take_blank(at, end)) return false;
  if (end - at < 3 || !is_digit(at[0]) || !is_digit(at[1]) || !is_digit(at[2])) return false;
  head.status =
      static_cast<std::uint16_t>((at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0'));
  at += 3;
  if (head.status < 100 || head.status > 599) return false;
  if (at < end && *at == ' ') {
    const char* const begin = ++at;
    at = find_value_end(at, end);
    head.reason = {begin, static_cast<std::size_t>(at - begin)};
  }
  return take_line_end(at, end);
}

bool stays_open(const MessageHead& head, const ConnectionOptions& options) {
  return !options.close && (head.protocol != Protocol::Http10 || options.keep_alive);
}

// Upgrade is a list of name[/version], each a token (RFC 9110 §7.8).
bool is_protocol_list(std::string_view list) {
  while (true) {
    const std::string_view protocol = next_element(list);
    if (protocol.empty()) return true;
    const std::size_t slash = protocol.find('/');
    if (!is_token(protocol.substr(0, slash))) return false;
    if (slash != std::string_view::npos && !is_token(protocol.substr(slash + 1))) return false;
  }
}

// Behind a switch to HTTP/2 nobody would look at the requests any more, and RFC 9113 §3.1 has
// abolished it: such an offer is not passed on.
Failure understand_upgrade(RequestHead& head, bool is_named) {
  bool offers_h2 = head.headers.find("http2-settings") != nullptr;
  for (const Field& field : head.headers) {
    if (field.id != FieldName::Upgrade) continue;
    if (!is_protocol_list(field.value)) return Failure::RequestSyntax;
    std::string_view list = field.value;
    for (std::string_view name = next_element(list); !name.empty(); name = next_element(list))
      offers_h2 = offers_h2 || iequals(name, "h2c") || iequals(name, "h2");
  }
  if (offers_h2) {
    head.headers.remove(FieldName::Upgrade);
    head.headers.remove("http2-settings");
  } else if (is_named && head.protocol != Protocol::Http10) {
    head.wants_upgrade = true;
  }
  return Failure::None;
}

Failure understand_connection(RequestHead& head) {
  ConnectionOptions options;
  if (head.headers.has(FieldName::Connection)) {
    switch (take_connection_options(head.headers, options)) {
      case Nomination::Fine: break;
      case Nomination::Malformed: return Failure::RequestSyntax;
      case Nomination::Protected: return Failure::RequestProtectedField;
    }
  }
  head.keep_alive = stays_open(head, options);
  head.wants_upgrade = head.method == Method::Connect;
  if (!head.headers.has(FieldName::Upgrade)) return Failure::None;
  return understand_upgrade(head, options.upgrade);
}

}  // namespace

Failure parse_request(std::span<char> bytes, Arena& arena, RequestHead& head) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  head.received = {at, bytes.size()};
  Failure failure = take_request_line(at, end, head);
  if (failure != Failure::None) return failure;

  FieldLines lines;
  switch (lines.read(rest(at, end), true)) {
    case FieldLines::Outcome::Complete: break;
    case FieldLines::Outcome::Malformed: return Failure::RequestSyntax;
    case FieldLines::Outcome::TooMany: return Failure::RequestHeadTooLarge;
  }
  head.headers.assign(arena, lines.fields());
  head.dropped_fields = lines.dropped();

  failure = frame_request(head);
  if (failure == Failure::None) failure = understand_target(head, arena);
  if (failure == Failure::None) failure = understand_expectation(head);
  if (failure == Failure::None) failure = understand_connection(head);
  return failure;
}

Failure parse_response(std::span<char> bytes, Arena& arena, Method request, ResponseHead& head) {
  const char* at = bytes.data();
  const char* const end = at + bytes.size();
  if (!take_status_line(at, end, head)) return Failure::ResponseSyntax;

  FieldLines lines;
  switch (lines.read(rest(at, end), false)) {
    case FieldLines::Outcome::Complete: break;
    case FieldLines::Outcome::Malformed: return Failure::ResponseSyntax;
    case FieldLines::Outcome::TooMany: return Failure::ResponseTooManyFields;
  }
  head.headers.assign(arena, lines.fields());

  ConnectionOptions options;
  if (head.headers.has(FieldName::Connection)) {
    // Some servers name Transfer-Encoding; what is protected just stays, and decides the framing.
    if (take_connection_options(head.headers, options) == Nomination::Malformed)
      return Failure::ResponseSyntax;
  }
  head.keep_alive = stays_open(head, options);
  return frame_response(head, request);
}

Failure parse_trailers(std::span<char> bytes, Arena& arena, Headers& trailers) {
  FieldLines lines;
  switch (lines.read(bytes, true)) {
    case FieldLines::Outcome::Complete: break;
    case FieldLines::Outcome::Malformed: return Failure::RequestSyntax;
    case FieldLines::Outcome::TooMany: return Failure::RequestHeadTooLarge;
  }
  trailers.assign(arena, lines.fields());
  trailers.remove_if(is_forbidden_in_trailers);
  return Failure::None;
}

}  // namespace weir::http
