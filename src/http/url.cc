// SPDX-License-Identifier: Apache-2.0
#include "http/url.h"

#include <arpa/inet.h>

#include <cstring>

#include "http/characters.h"

namespace weir::http {

namespace {

// Nothing to do and nothing dangerous: the usual case, in one pass.
bool is_normal(std::span<const char> path) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (!is_path_char(c)) return false;
    if (c == '/' && i + 1 < path.size() && (path[i + 1] == '/' || path[i + 1] == '.')) return false;
  }
  return true;
}

// Decodes escapes of unreserved characters, writes others with upper-case digits.  Returns the new
// length, or nothing if an escape is malformed or stands for something that servers disagree about.
std::optional<std::size_t> decode(std::span<char> path) {
  static constexpr const char* digits = "0123456789ABCDEF";
  std::size_t to = 0;
  for (std::size_t from = 0; from < path.size(); ++from) {
    char c = path[from];
    if (c != '%') {
      if (!is_path_char(c)) return std::nullopt;
      path[to++] = c;
      continue;
    }
    if (from + 2 >= path.size() || !is_hex(path[from + 1]) || !is_hex(path[from + 2])) return std::nullopt;
    int value = hex_value(path[from + 1]) * 16 + hex_value(path[from + 2]);
    from += 2;
    if (value == 0 || value == '/' || value == '\\') return std::nullopt;
    if (is_unreserved(static_cast<char>(value))) {
      path[to++] = static_cast<char>(value);
    } else {
      path[to++] = '%';
      path[to++] = digits[value >> 4];
      path[to++] = digits[value & 15];
    }
  }
  return to;
}

// "." or ".." with parameters ("..;x"): some servers strip them and then walk up.
bool is_disguised_dots(std::string_view segment) {
  std::size_t semicolon = segment.find(';');
  std::size_t escaped = segment.find("%3B");
  std::string_view plain = segment.substr(0, std::min(semicolon, escaped));
  return plain.size() < segment.size() && (plain == "." || plain == "..");
}

std::optional<std::size_t> resolve_dots(std::span<char> path) {
  std::size_t to = 0;  // path[0, to) is resolved; it never ends with '/'
  bool open = true;    // the path ends with '/'
  for (std::size_t at = 0; at < path.size();) {
    std::size_t end = at + 1;
    while (end < path.size() && path[end] != '/') ++end;
    std::string_view segment(path.data() + at + 1, end - at - 1);
    if (is_disguised_dots(segment)) return std::nullopt;
    open = segment.empty() || segment == "." || segment == "..";
    if (segment == "..") {
      while (to > 0 && path[to - 1] != '/') --to;
      if (to > 0) --to;
    } else if (!open) {
      std::memmove(path.data() + to, path.data() + at, end - at);
      to += end - at;
    }
    at = end;
  }
  if (open) path[to++] = '/';
  return to;
}

}  // namespace

std::optional<std::string_view> normalise_path(std::span<char> path) {
  if (path.empty() || path[0] != '/') return std::nullopt;
  if (is_normal(path)) {
    std::string_view whole(path.data(), path.size());
    if (whole.find(";") == std::string_view::npos) return whole;
  }
  auto decoded = decode(path);
  if (!decoded) return std::nullopt;
  auto resolved = resolve_dots(path.first(*decoded));
  if (!resolved) return std::nullopt;
  return std::string_view(path.data(), *resolved);
}

bool is_safe_query(std::string_view query) {
  for (char c : query)
    if (!is_query_char(c)) return false;
  return true;
}

std::optional<Authority> parse_authority(std::string_view text) {
  Authority result;
  std::string_view rest;
  if (!text.empty() && text[0] == '[') {
    std::size_t end = text.find(']');
    if (end == std::string_view::npos || end > INET6_ADDRSTRLEN) return std::nullopt;
    char address[INET6_ADDRSTRLEN + 1] = {};
    std::memcpy(address, text.data() + 1, end - 1);
    in6_addr parsed;
    if (inet_pton(AF_INET6, address, &parsed) != 1) return std::nullopt;
    result.host = text.substr(0, end + 1);
    rest = text.substr(end + 1);
  } else {
    std::size_t end = 0;
    while (end < text.size() && is_unreserved(text[end])) ++end;
    result.host = text.substr(0, end);
    rest = text.substr(end);
    if (result.host.size() > 1 && result.host.back() == '.') result.host.remove_suffix(1);
    if (result.host.empty() || result.host.size() > 255 || result.host.front() == '.') return std::nullopt;
    if (result.host.find("..") != std::string_view::npos || result.host.back() == '.') return std::nullopt;
  }
  if (rest.empty()) return result;
  if (rest[0] != ':' || rest.size() > 6) return std::nullopt;
  result.port = rest.substr(1);
  unsigned port = 0;
  for (char c : result.port) {
    if (c < '0' || c > '9') return std::nullopt;
    port = port * 10 + static_cast<unsigned>(c - '0');
  }
  if (!result.port.empty() && (port == 0 || port > 65535)) return std::nullopt;
  return result;
}

std::string_view percent_decode(std::string_view text, char* out, bool plus_is_blank) {
  std::size_t to = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && is_hex(text[i + 1]) && is_hex(text[i + 2])) {
      out[to++] = static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out[to++] = text[i] == '+' && plus_is_blank ? ' ' : text[i];
    }
  }
  return {out, to};
}

}  // namespace weir::http
