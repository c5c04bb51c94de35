// SPDX-License-Identifier: Apache-2.0
#include "config/units.h"

#include "base/cursor.h"
#include "base/text.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>

namespace weir::config {

namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Largest first, so that printing picks the first that divides.
constexpr std::array<Unit, 5> time_units = {
    {{"d", 86400000}, {"h", 3600000}, {"m", 60000}, {"s", 1000}, {"ms", 1}}};
constexpr std::array<Unit, 3> size_units = {{{"g", 1U << 30}, {"m", 1U << 20}, {"k", 1U << 10}}};
constexpr std::uint64_t ten_years = 3650ULL * 86400000;
constexpr std::size_t longest_unix_path = 107;  // sun_path without its end mark

Error invalid(std::string text) { return Error(Errc::Invalid, std::move(text)); }

// A number and one of the units; `names` tells which ones there are.
template <std::size_t N>
Result<std::uint64_t> parse_quantity(std::string_view text, const std::array<Unit, N>& units,
                                     std::string_view what, std::string_view names,
                                     std::string_view suggested) {
  std::string_view suffix = text;
  const std::string_view digits = take_while(suffix, "0123456789");
  const auto number = to_number(digits);
  if (digits.empty() || (!number && suffix.empty()))
    return invalid(concat(in_quotes(text), " is not ", what, "; a number and a unit: ", names));
  if (suffix.empty())
    return invalid(concat(what, " needs a unit: ", names, "; write ", text, suggested));
  for (const Unit& unit : units) {
    if (unit.name != suffix) continue;
    if (!number || *number > std::numeric_limits<std::uint64_t>::max() / 2 / unit.factor)
      return invalid(concat(in_quotes(text), " is too large; write none for no limit"));
    return *number * unit.factor;
  }
  return invalid(concat("unknown unit in ", in_quotes(text), "; units are ", names));
}

template <std::size_t N>
std::string quantity_text(std::uint64_t value, const std::array<Unit, N>& units) {
  for (const Unit& unit : units)
    if (value >= unit.factor && value % unit.factor == 0)
      return concat(std::to_string(value / unit.factor), unit.name);
  return concat("0", units.back().name);
}

bool is_ip(int family, std::string_view text, void* bytes) {
  std::array<char, INET6_ADDRSTRLEN + 1> copy{};
  if (text.size() >= copy.size() || text.find('\0') != std::string_view::npos) return false;
  std::copy(text.begin(), text.end(), copy.begin());
  return ::inet_pton(family, copy.data(), bytes) == 1;
}

Result<Endpoint> parse_unix(std::string_view text) {
  const std::string_view path = text.substr(5);
  if (!path.starts_with('/'))
    return invalid("the path of a Unix socket is not absolute; write unix:/path");
  if (path.size() > longest_unix_path)
    return invalid("the path of a Unix socket is longer than 107 bytes; the kernel takes no more");
  if (path.find('\0') != std::string_view::npos) return invalid("NUL in a path");
  return Endpoint{Endpoint::Kind::Unix, std::string(path), 0, std::string(text)};
}

// "https://HOST/PATH": an address that was taken from a browser or another proxy.
Error no_url(std::string_view text, std::size_t scheme) {
  std::string_view host = text.substr(scheme + 3);
  host = host.substr(0, host.find('/'));
  const bool tls = text.starts_with("https:");
  const bool has_port = host.rfind(':') != std::string_view::npos && !host.ends_with(']');
  return invalid(concat(in_quotes(text), " is a URL; write ", host,
                        has_port ? ""
                        : tls    ? ":443"
                                 : ":80",
                        tls ? ", and tls { } in the backend to speak TLS" : ""));
}

}  // namespace

Result<Milliseconds> parse_duration(std::string_view text) {
  const auto value = parse_quantity(text, time_units, "a duration", "ms, s, m, h or d", "s");
  if (!value) return value.error();
  if (*value > ten_years)
    return invalid(concat(in_quotes(text), " is more than ten years; write none for no limit"));
  return Milliseconds(static_cast<Milliseconds::rep>(*value));
}

Result<std::uint64_t> parse_size(std::string_view text) {
  return parse_quantity(text, size_units, "a size", "k, m or g", "k");
}

std::string duration_text(Milliseconds duration) {
  return quantity_text(static_cast<std::uint64_t>(duration.count()), time_units);
}

std::string limit_text(const Limit& limit) { return limit ? duration_text(*limit) : "none"; }

std::string size_text(std::uint64_t bytes) { return quantity_text(bytes, size_units); }

Result<Endpoint> parse_endpoint(std::string_view text) {
  if (text.starts_with("unix:")) return parse_unix(text);
  if (text.starts_with('/'))
    return invalid(concat(in_quotes(text), " is a path; write unix:", text));
  if (const std::size_t scheme = text.find("://"); scheme != std::string_view::npos)
    return no_url(text, scheme);
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos || text.ends_with(']'))
    return invalid(concat(in_quotes(text), " has no port; write ADDRESS:PORT"));
  std::string_view host = text.substr(0, colon);
  const auto port = to_number<std::uint16_t>(text.substr(colon + 1));
  if (!port)
    return invalid(concat("the port of ", in_quotes(text),
                          " is not a number from 0 to 65535; write ADDRESS:PORT"));
  Endpoint endpoint{Endpoint::Kind::Name, std::string(host), *port, std::string(text)};
  in6_addr bytes{};
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    endpoint.host = host;
    endpoint.kind = Endpoint::Kind::Ip6;
    if (is_ip(AF_INET6, host, &bytes)) return endpoint;
    return invalid(concat(in_quotes(host), " is not an IPv6 address; write [2001:db8::1]:PORT"));
  }
  if (host.find(':') != std::string_view::npos)
    return invalid(concat("an IPv6 address without brackets; write [", host.substr(0, 64),
                          "]:", text.substr(colon + 1)));
  if (is_ip(AF_INET, host, &bytes)) {
    endpoint.kind = Endpoint::Kind::Ip4;
    return endpoint;
  }
  if (is_host_name(host)) return endpoint;
  return invalid(
      concat(in_quotes(host),
             " is neither an IP address nor a host name; write IP:PORT, NAME:PORT or unix:/path"));
}

Result<Cidr> parse_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view address = text.substr(0, slash);
  Cidr cidr;
  cidr.text = text;
  cidr.v6 = address.find(':') != std::string_view::npos;
  if (!is_ip(cidr.v6 ? AF_INET6 : AF_INET, address, cidr.bytes))
    return invalid(
        concat(in_quotes(text), " is not an address range; write 10.0.0.0/8 or 2001:db8::/32"));
  const std::uint8_t width = cidr.v6 ? 128 : 32;
  cidr.bits = width;
  if (slash == std::string_view::npos) return cidr;
  const auto bits = to_number<std::uint8_t>(text.substr(slash + 1));
  if (!bits || *bits > width)
    return invalid(concat("the length of ", in_quotes(text), " is not a number from 0 to ",
                          std::to_string(width), "; write 10.0.0.0/8 or 2001:db8::/32"));
  cidr.bits = *bits;
  Cidr network = cidr;
  for (unsigned bit = *bits; bit < width; ++bit)
    network.bytes[bit / 8] =
        static_cast<std::uint8_t>(network.bytes[bit / 8] & ~(0x80U >> bit % 8));
  if (std::memcmp(network.bytes, cidr.bytes, sizeof cidr.bytes) == 0) return cidr;
  std::array<char, INET6_ADDRSTRLEN> name{};
  ::inet_ntop(cidr.v6 ? AF_INET6 : AF_INET, network.bytes, name.data(), name.size());
  return invalid(concat(in_quotes(text), " has bits set behind its length; write ", name.data(),
                        "/", std::to_string(*bits)));
}

std::string canonical_text(const Endpoint& endpoint) {
  const std::string port = concat(":", std::to_string(endpoint.port));
  switch (endpoint.kind) {
    case Endpoint::Kind::Ip4: return concat(endpoint.host, port);
    case Endpoint::Kind::Unix: return concat("unix:", endpoint.host);
    case Endpoint::Kind::Name: return concat(to_lower(endpoint.host), port);
    case Endpoint::Kind::Ip6: break;
  }
  in6_addr bytes{};
  std::array<char, INET6_ADDRSTRLEN> name{};
  ::inet_pton(AF_INET6, endpoint.host.c_str(), &bytes);
  ::inet_ntop(AF_INET6, &bytes, name.data(), name.size());
  return concat("[", name.data(), "]", port);
}

std::string canonical_text(const Cidr& range) {
  std::array<char, INET6_ADDRSTRLEN> name{};
  ::inet_ntop(range.v6 ? AF_INET6 : AF_INET, range.bytes, name.data(), name.size());
  return concat(name.data(), "/", std::to_string(range.bits));
}

bool is_name(std::string_view text) {
  if (text.empty() || text.size() > 128) return false;
  if (!is_alpha(text.front()) && text.front() != '_') return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return is_alpha(c) || is_digit(c) || c == '_' || c == '.' || c == '-';
  });
}

bool is_host_name(std::string_view text) {
  if (text.empty() || text.size() > 253) return false;
  const auto labels = split(text, '.');
  const auto good = [](std::string_view label) {
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(),
                       [](char c) { return is_alpha(c) || is_digit(c) || c == '-' || c == '_'; });
  };
  return std::all_of(labels.begin(), labels.end(), good) &&
         !std::all_of(labels.back().begin(), labels.back().end(), is_digit);
}

}  // namespace weir::config
