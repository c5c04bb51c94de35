// SPDX-License-Identifier: Apache-2.0
#include "http/h1_parser.h"

#include <algorithm>
#include <cstring>

#include "http/characters.h"
#include "http/field.h"
#include "http/field_lines.h"
#include "http/framing.h"
#include "http/message.h"
#include "http/url.h"

namespace weir::http {

HeadScanner::State HeadScanner::scan(std::span<const char> bytes, const HeadLimits& limits, bool is_request) {
  auto fail = [this](Failure failure) {
    failure_ = failure;
    return State::Failed;
  };
  Failure too_large = is_request ? Failure::RequestHeadTooLarge : Failure::ResponseHeadTooLarge;
  Failure too_long = is_request ? Failure::RequestLineTooLong : too_large;
  Failure syntax = is_request ? Failure::RequestSyntax : Failure::ResponseSyntax;
  begun_ = begun_ || !bytes.empty();
  while (true) {
    std::size_t from = std::max(position_, scanned_);
    const void* found = from < bytes.size() ? std::memchr(bytes.data() + from, '\n', bytes.size() - from) : nullptr;
    std::size_t end = found ? static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data()) : bytes.size();
    if (end - position_ > limits.line) return fail(lines_ == 0 ? too_long : too_large);
    if (end > limits.total) return fail(too_large);
    if (!found) {
      scanned_ = static_cast<std::uint32_t>(end);
      return State::Incomplete;
    }
    if (end == position_ || bytes[end - 1] != '\r') return fail(syntax);
    bool is_empty = end == position_ + 1;
    position_ = scanned_ = static_cast<std::uint32_t>(end + 1);
    if (!is_empty) {
      if (++lines_ > limits.fields + 1) return fail(too_large);
    } else if (lines_ > 0) {
      return State::Complete;
    } else if (!is_request || position_ > 2) {
      return fail(syntax);  // one empty line before a request is forgiven (RFC 9112 §2.2)
    }
  }
}

namespace {

// Takes "WORD " off a line; empty if there is no blank.
std::string_view take_word(std::string_view& line) {
  std::size_t end = line.find(' ');
  if (end == std::string_view::npos) return {};
  std::string_view word = line.substr(0, end);
  line.remove_prefix(end + 1);
  return word;
}

// "HTTP/d.d"; false if it is anything else.
bool parse_version(std::string_view text, MessageHead& head) {
  if (text.size() != 8 || std::memcmp(text.data(), "HTTP/", 5) != 0 || text[6] != '.') return false;
  if (text[5] < '0' || text[5] > '9' || text[7] < '0' || text[7] > '9') return false;
  head.major = static_cast<std::uint8_t>(text[5] - '0');
  head.minor = text[7] == '0' ? 0 : 1;  // a higher minor version is processed as ours (RFC 9110 §2.5)
  return true;
}

void lower_case(char* text, std::size_t size) {
  for (std::size_t i = 0; i < size; ++i)
    if (text[i] >= 'A' && text[i] <= 'Z') text[i] = static_cast<char>(text[i] | 0x20);
}

// The path of origin-form: split off the query, normalise.
Failure parse_path(std::span<char> target, RequestHead& head) {
  std::string_view text(target.data(), target.size());
  std::size_t mark = text.find('?');
  if (mark != std::string_view::npos) {
    head.has_query = true;
    head.query = text.substr(mark + 1);
    if (!is_safe_query(head.query)) return Failure::RequestTarget;
  }
  // `target` stays as it was for the logs only if normalising changes nothing; the path is the truth.
  auto path = normalise_path(target.first(std::min(mark, target.size())));
  if (!path) return Failure::RequestTarget;
  head.path = *path;
  return Failure::None;
}

std::string_view default_port(bool secure) { return secure ? "443" : "80"; }

// An absolute target must name the same authority as Host (RFC 9112 §3.2.2 lets it win; servers differ).
bool agrees(std::string_view target, std::string_view host, bool secure) {
  auto a = parse_authority(target), b = parse_authority(host);
  if (!a || !b) return false;
  std::string_view port_a = a->port.empty() ? default_port(secure) : a->port;
  std::string_view port_b = b->port.empty() ? default_port(secure) : b->port;
  return iequals(a->host, b->host) && port_a == port_b;
}

Failure parse_absolute(std::span<char> target, RequestHead& head) {
  std::string_view text(target.data(), target.size());
  bool secure = text.size() >= 8 && iequals(text.substr(0, 8), "https://");
  if (!secure && !(text.size() >= 7 && iequals(text.substr(0, 7), "http://"))) return Failure::RequestTarget;
  std::size_t begin = secure ? 8 : 7;
  std::size_t end = std::min(text.find_first_of("/?#", begin), text.size());
  head.authority = text.substr(begin, end - begin);
  if (const Field* host = head.headers.find(FieldName::Host))
    if (!agrees(head.authority, host->value, secure)) return Failure::RequestHost;
  if (end == text.size() || text[end] == '?') {
    // "http://host" and "http://host?q" have the path "/": the byte before is the authority's last,
    // which has been taken already as a view, so it must not be overwritten.
    head.path = "/";
    if (end == text.size()) return Failure::None;
    head.has_query = true;
    head.query = text.substr(end + 1);
    return is_safe_query(head.query) ? Failure::None : Failure::RequestTarget;
  }
  return parse_path(target.subspan(end), head);
}

Failure parse_target(std::span<char> target, RequestHead& head) {
  if (target.empty()) return Failure::RequestSyntax;
  if (head.method == Method::Connect) {
    head.authority = head.target;
    auto authority = parse_authority(head.target);
    return authority && !authority->port.empty() ? Failure::None : Failure::RequestTarget;
  }
  if (target[0] == '/') return parse_path(target, head);
  if (target.size() == 1 && target[0] == '*') {
    head.path = head.target;
    return head.method == Method::Options ? Failure::None : Failure::RequestTarget;
  }
  return parse_absolute(target, head);
}

Failure parse_host(Arena& arena, RequestHead& head) {
  int count = 0;
  for (const Field& field : head.headers) count += field.id == FieldName::Host;
  if (count > 1 || (count == 0 && head.minor > 0)) return Failure::RequestHost;
  if (count == 1) {
    std::string_view host = head.headers.get(FieldName::Host);
    if (head.authority.empty()) head.authority = host;
    if (!parse_authority(host)) return Failure::RequestHost;
  }
  if (head.authority.empty()) return Failure::None;
  auto authority = parse_authority(head.authority);
  if (!authority) return Failure::RequestHost;
  std::string_view lowered = arena.copy(authority->host);
  lower_case(const_cast<char*>(lowered.data()), lowered.size());
  head.host = lowered;
  return Failure::None;
}

Failure parse_request_line(std::string_view line, std::span<char>& target, RequestHead& head) {
  head.method_text = take_word(line);
  if (!is_token(head.method_text)) return Failure::RequestSyntax;
  head.method = method_from(head.method_text);
  head.target = take_word(line);
  target = {const_cast<char*>(head.target.data()), head.target.size()};
  if (head.target.empty() || !parse_version(line, head)) return Failure::RequestSyntax;
  return head.major == 1 ? Failure::None : Failure::RequestVersion;
}

Failure parse_expectation(RequestHead& head) {
  if (!head.headers.has(FieldName::Expect) || head.minor == 0) return Failure::None;
  if (!iequals(head.headers.get(FieldName::Expect), "100-continue")) return Failure::RequestExpectation;
  head.expects_continue = true;
  return Failure::None;
}

// The line up to CRLF, and what follows.
std::string_view take_line(std::span<char>& bytes) {
  auto* end = static_cast<char*>(std::memchr(bytes.data(), '\n', bytes.size()));
  std::size_t length = static_cast<std::size_t>(end - bytes.data()) + 1;
  std::string_view line(bytes.data(), length - 2);
  bytes = bytes.subspan(length);
  return line;
}

}  // namespace

Failure parse_request(std::span<char> bytes, Arena& arena, RequestHead& head) {
  if (bytes[0] == '\r') bytes = bytes.subspan(2);
  std::span<char> target;
  Failure failure = parse_request_line(take_line(bytes), target, head);
  if (failure != Failure::None) return failure;
  if (!parse_field_lines(bytes, arena, head)) return Failure::RequestSyntax;
  if ((failure = frame_request(head)) != Failure::None) return failure;
  if ((failure = parse_target(target, head)) != Failure::None) return failure;
  if ((failure = parse_host(arena, head)) != Failure::None) return failure;
  if ((failure = parse_expectation(head)) != Failure::None) return failure;
  ConnectionOptions options;
  if (!take_connection_options(head.headers, options)) return Failure::RequestProtectedField;
  head.keep_alive = head.minor > 0 ? !options.close : options.keep_alive && !options.close;
  head.wants_upgrade = head.method == Method::Connect;
  if (head.headers.has(FieldName::Upgrade)) {
    // h2c by Upgrade is deprecated (RFC 9113 §3.1) and would need its own look at the body.
    bool h2c = iequals(head.headers.get(FieldName::Upgrade), "h2c");
    if (!h2c && options.upgrade && head.minor > 0) head.wants_upgrade = true;
  }
  return Failure::None;
}

Failure parse_response(std::span<char> bytes, Arena& arena, Method request, ResponseHead& head) {
  std::string_view line = take_line(bytes);
  if (line.size() < 12 || line[8] != ' ' || !parse_version(line.substr(0, 8), head) || head.major != 1)
    return Failure::ResponseSyntax;
  unsigned status = 0;
  for (char c : line.substr(9, 3)) {
    if (c < '0' || c > '9') return Failure::ResponseSyntax;
    status = status * 10 + static_cast<unsigned>(c - '0');
  }
  if (status < 100 || status > 599 || (line.size() > 12 && line[12] != ' ')) return Failure::ResponseSyntax;
  head.status = static_cast<std::uint16_t>(status);
  if (line.size() > 13) head.reason = line.substr(13);
  if (!is_field_value(head.reason)) return Failure::ResponseSyntax;
  if (!parse_field_lines(bytes, arena, head)) return Failure::ResponseSyntax;
  Failure failure = frame_response(head, request);
  if (failure != Failure::None) return failure;
  ConnectionOptions options;
  if (!take_connection_options(head.headers, options)) return Failure::ResponseSyntax;
  head.keep_alive = head.minor > 0 ? !options.close : options.keep_alive && !options.close;
  if (head.framing.end == BodyEnd::Close) head.keep_alive = false;
  return Failure::None;
}

Failure parse_trailers(std::span<char> bytes, Arena& arena, Headers& trailers) {
  MessageHead section;
  if (!parse_field_lines(bytes, arena, section)) return Failure::RequestSyntax;
  trailers = section.headers;
  for (const Field& field : section.headers)
    if (!may_stand_in_trailers(field)) trailers.remove(field.name);
  return Failure::None;
}

}  // namespace weir::http
