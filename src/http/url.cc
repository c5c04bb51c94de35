// SPDX-License-Identifier: Apache-2.0
#include "http/url.h"

#include "base/characters.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>

namespace weir::http {

namespace {

constexpr std::size_t longest_host = 255;

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
    if (!is_digit(c)) return false;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value <= 65535;
}

}  // namespace

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
