// SPDX-License-Identifier: Apache-2.0
//
// Normalising goes in two passes, both in place: escapes first, so that "%2e%2e" is seen for what it
// is, then segments.  What decoding might still change for another reader is refused.
#include "http/url.h"

#include "http/search.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>

namespace weir::http {

namespace {

constexpr std::size_t longest_host = 255;

// The length after decoding, or nothing if an escape is malformed or of a byte that servers disagree
// about.
std::optional<std::size_t> decode_escapes(std::span<char> path) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::size_t to = 0;
  for (std::size_t from = 0; from < path.size(); ++from) {
    const char c = path[from];
    if (c != '%') {
      if (!is_in(c, PathSet)) return std::nullopt;
      path[to++] = c;
      continue;
    }
    if (path.size() - from < 3) return std::nullopt;
    if (!is_in(path[from + 1], HexSet) || !is_in(path[from + 2], HexSet)) return std::nullopt;
    const unsigned value = hex_value(path[from + 1]) * 16 + hex_value(path[from + 2]);
    from += 2;
    if (value == '\0' || value == '/' || value == '\\') return std::nullopt;
    const char decoded = static_cast<char>(value);
    if (is_in(decoded, UnreservedSet)) {
      path[to++] = decoded;
    } else {
      path[to++] = '%';
      path[to++] = digits[value >> 4];
      path[to++] = digits[value & 15];
    }
  }
  return to;
}

// "." or ".." with parameters ("..;x"): some servers take those off, and then walk up.
bool is_disguised_dots(std::string_view segment) {
  const std::size_t end = std::min(segment.find(';'), segment.find("%3B"));
  if (end == std::string_view::npos) return false;
  const std::string_view plain = segment.substr(0, end);
  return plain == "." || plain == "..";
}

// The length without empty and dot segments.  path[0, to) is always resolved: "" or "/a/b".
std::optional<std::size_t> resolve_segments(std::span<char> path) {
  std::size_t to = 0;
  bool ends_open = false;  // in "/": the last segment was empty or of dots
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = static_cast<std::size_t>(
        std::find(path.begin() + static_cast<std::ptrdiff_t>(at) + 1, path.end(), '/') -
        path.begin());
    const std::string_view segment(path.data() + at + 1, end - at - 1);
    if (is_disguised_dots(segment)) return std::nullopt;
    ends_open = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      while (to > 0 && path[--to] != '/') {
      }
    } else if (!ends_open) {
      std::memmove(path.data() + to, path.data() + at, end - at);
      to += end - at;
    }
    at = end;
  }
  if (ends_open) path[to++] = '/';
  return to;
}

bool is_ipv6(std::string_view text) {
  std::array<char, INET6_ADDRSTRLEN> copy{};
  in6_addr address;
  if (text.size() >= copy.size()) return false;
  std::copy(text.begin(), text.end(), copy.begin());
  return text.find('\0') == std::string_view::npos &&
         ::inet_pton(AF_INET6, copy.data(), &address) == 1;
}

// The length of the reg-name that `text` begins with, or 0 if it has an empty label in the middle.
std::size_t reg_name_length(std::string_view text) {
  char before = '.';
  std::size_t end = 0;
  for (; end < text.size() && is_in(text[end], UnreservedSet); ++end) {
    if (text[end] == '.' && before == '.') return 0;
    before = text[end];
  }
  return end;
}

// 1–65535 without leading zeros.
bool is_port(std::string_view text) {
  if (text.empty() || text.size() > 5 || text.front() == '0') return false;
  unsigned value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= 65535;
}

}  // namespace

// A segment that begins with a dot may be one of dots; normalising finds out.
bool is_normal_path(std::string_view path) {
  if (path.empty() || path.front() != '/') return false;
  const char* at = path.data();
  const char* const end = at + path.size();
  unsigned after_slash = 0;
#if defined(__SSE2__)
  for (; end - at >= 16; at += 16) {
    const Sixteen sixteen(at);
    const unsigned bad = mask_of(sixteen.equal('%')) | mask_of(sixteen.equal('\\')) |
                         mask_of(sixteen.equal('#')) | mask_of(sixteen.equal('?')) |
                         mask_of(sixteen.at_most(' ')) | mask_of(sixteen.at_least(0x7f));
    const unsigned slashes = mask_of(sixteen.equal('/'));
    const unsigned dots = mask_of(sixteen.equal('.'));
    if (bad != 0 || ((slashes << 1 | after_slash) & (slashes | dots)) != 0) return false;
    after_slash = slashes >> 15 & 1U;
  }
#endif
  for (; at < end; ++at) {
    if (!is_in(*at, PathSet)) return false;
    if (after_slash != 0 && (*at == '/' || *at == '.')) return false;
    after_slash = *at == '/' ? 1 : 0;
  }
  return true;
}

std::optional<std::string_view> normalise_path(std::span<char> path) {
  if (path.empty() || path.front() != '/') return std::nullopt;
  const std::optional<std::size_t> decoded = decode_escapes(path);
  if (!decoded) return std::nullopt;
  const std::optional<std::size_t> resolved = resolve_segments(path.first(*decoded));
  if (!resolved) return std::nullopt;
  return std::string_view(path.data(), *resolved);
}

bool is_safe_query(std::string_view query) {
  return std::all_of(query.begin(), query.end(), [](char c) { return is_in(c, QuerySet); });
}

std::optional<Authority> parse_authority(std::string_view text) {
  Authority result;
  std::size_t end = 0;
  if (text.starts_with('[')) {
    end = text.find(']');
    if (end == std::string_view::npos || !is_ipv6(text.substr(1, end - 1))) return std::nullopt;
    result.host = text.substr(0, ++end);
  } else {
    end = reg_name_length(text);
    result.host = text.substr(0, end);
    if (result.host.ends_with('.')) result.host.remove_suffix(1);
    if (result.host.empty() || result.host.size() > longest_host) return std::nullopt;
  }
  if (end == text.size()) return result;
  result.port = text.substr(end + 1);
  const bool is_right = text[end] == ':' && (result.port.empty() || is_port(result.port));
  return is_right ? std::optional(result) : std::nullopt;
}

std::string_view percent_decode(std::string_view text, char* out, bool plus_is_blank) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && text.size() - i >= 3 && is_in(text[i + 1], HexSet) &&
                           is_in(text[i + 2], HexSet);
    if (is_escape) {
      out[to++] = static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out[to++] = text[i] == '+' && plus_is_blank ? ' ' : text[i];
    }
  }
  return {out, to};
}

}  // namespace weir::http
