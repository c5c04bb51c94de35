// SPDX-License-Identifier: Apache-2.0
//
// Host may be missing only in HTTP/1.0, and must agree with an authority in the target: RFC 9112
// §3.2.2 would let the target win, but not all servers know that.
#include "http/target.h"

#include "base/characters.h"
#include "base/cursor.h"
#include "http/field.h"
#include "http/path.h"
#include "http/url.h"

#include <algorithm>
#include <optional>

namespace weir::http {

namespace {

// Splits path?query and understands the path.
Failure understand_path(std::string_view text, RequestHead& head, Arena& arena) {
  if (const std::size_t mark = text.find('?'); mark != std::string_view::npos) {
    head.has_query = true;
    head.query = text.substr(mark + 1);
    if (!is_safe_query(head.query)) return Failure::RequestTarget;
    text = text.substr(0, mark);
  }
  const std::optional<Path> path = read_path(text.empty() ? "/" : text, arena);
  if (!path) return Failure::RequestTarget;
  head.path = path->plain;
  head.forward_path = path->forwarded;
  head.has_path_readings = path->has_readings;
  return Failure::None;
}

// Takes "http://" or "https://" off; the default port of the scheme, or nothing for other schemes.
std::string_view take_scheme(std::string_view& text) {
  const std::size_t colon = text.find("://");
  if (colon == std::string_view::npos) return {};
  const std::string_view scheme = text.substr(0, colon);
  text.remove_prefix(colon + 3);
  if (iequals(scheme, "http")) return "80";
  if (iequals(scheme, "https")) return "443";
  return {};
}

bool agree(const Authority& a, const Authority& b, std::string_view default_port) {
  const std::string_view port_a = a.port.empty() ? default_port : a.port;
  const std::string_view port_b = b.port.empty() ? default_port : b.port;
  return iequals(a.host, b.host) && port_a == port_b;
}

// The host as it is compared everywhere: lower case.
std::string_view lower_case(std::string_view host, Arena& arena) {
  if (std::none_of(host.begin(), host.end(), is_upper)) return host;
  char* lowered = arena.text(host.size());
  std::transform(host.begin(), host.end(), lowered, [](char c) { return to_lower(c); });
  return {lowered, host.size()};
}

// The single Host field of the request, or nothing: missing where it may be.
Failure read_host(RequestHead& head, std::optional<Authority>& host) {
  const Field* field = head.headers.find(FieldName::Host);
  if (!field) return head.protocol == Protocol::Http10 ? Failure::None : Failure::RequestHost;
  const auto is_host = [](const Field& f) { return f.id == FieldName::Host; };
  if (std::any_of(field + 1, head.headers.end(), is_host)) return Failure::RequestHost;
  // What a client sends whose target has no authority (RFC 9112 §3.2).
  if (field->value.empty()) return Failure::None;
  host = parse_authority(field->value);
  if (!host) return Failure::RequestHost;
  head.authority = field->value;
  return Failure::None;
}

// The authority in the target itself, which replaces `host` if the two agree.  An empty Host is forwarded
// as it is, so it agrees with none.
Failure adopt(std::string_view text, std::string_view default_port, RequestHead& head,
              std::optional<Authority>& host) {
  const std::optional<Authority> named = parse_authority(text);
  const bool disagrees =
      host ? named && !agree(*named, *host, default_port) : head.headers.has(FieldName::Host);
  if (!named || disagrees) return Failure::RequestHost;
  head.authority = text;
  host = named;
  return Failure::None;
}

Failure understand_absolute(RequestHead& head, Arena& arena, std::optional<Authority>& host) {
  std::string_view text = head.target;
  const std::string_view default_port = take_scheme(text);
  if (default_port.empty()) return Failure::RequestTarget;
  const std::size_t end = find_any_or_end(text, "/?#");
  const Failure failure = adopt(text.substr(0, end), default_port, head, host);
  if (failure != Failure::None) return failure;
  // What is forwarded is the target's (RFC 9112 §3.2.2), though here the two mean the same.
  if (const Field* field = head.headers.find(FieldName::Host);
      field && field->value != head.authority)
    head.headers.set(arena, spelling(FieldName::Host), head.authority);
  text.remove_prefix(end);
  // OPTIONS without a path asks about the server as a whole (RFC 9112 §3.2.4).
  if (text.empty() && head.method == Method::Options) {
    head.path = head.forward_path = "*";
    return Failure::None;
  }
  return understand_path(text, head, arena);
}

Failure understand_connect(RequestHead& head, std::optional<Authority>& host) {
  const std::optional<Authority> named = parse_authority(head.target);
  if (!named || named->port.empty()) return Failure::RequestTarget;
  // Clients differ in whether Host repeats the port.
  return adopt(head.target, host && host->port.empty() ? named->port : "", head, host);
}

Failure understand_form(RequestHead& head, Arena& arena, std::optional<Authority>& host) {
  if (head.method == Method::Connect) return understand_connect(head, host);
  if (head.target.front() == '/') return understand_path(head.target, head, arena);
  if (head.target == "*") {
    head.path = head.forward_path = head.target;
    return head.method == Method::Options ? Failure::None : Failure::RequestTarget;
  }
  return understand_absolute(head, arena, host);
}

}  // namespace

Failure understand_target(RequestHead& head, Arena& arena) {
  std::optional<Authority> host;
  Failure failure = read_host(head, host);
  if (failure == Failure::None) failure = understand_form(head, arena, host);
  // Also what is refused is logged with its host.
  if (host) head.host = lower_case(host->host, arena);
  return failure;
}

}  // namespace weir::http
