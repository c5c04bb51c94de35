// SPDX-License-Identifier: Apache-2.0
#include "net/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace weir::net {

Result<Address> Address::from(const config::Endpoint& endpoint) {
  Address address;
  auto& s = address.storage_;
  switch (endpoint.kind) {
    case config::Endpoint::Kind::Ip4:
      s.v4 = {};
      s.v4.sin_family = AF_INET;
      address.size_ = sizeof(s.v4);
      if (inet_pton(AF_INET, endpoint.host.c_str(), &s.v4.sin_addr) != 1) break;
      address.set_port(endpoint.port);
      return address;
    case config::Endpoint::Kind::Ip6:
      s.v6 = {};
      s.v6.sin6_family = AF_INET6;
      address.size_ = sizeof(s.v6);
      if (inet_pton(AF_INET6, endpoint.host.c_str(), &s.v6.sin6_addr) != 1) break;
      address.set_port(endpoint.port);
      return address;
    case config::Endpoint::Kind::Unix:
      s.local = {};
      s.local.sun_family = AF_UNIX;
      address.size_ = sizeof(s.local);
      if (endpoint.host.size() >= sizeof(s.local.sun_path)) break;
      std::memcpy(s.local.sun_path, endpoint.host.data(), endpoint.host.size());
      return address;
    case config::Endpoint::Kind::Name: break;
  }
  return Error(Errc::Invalid, "not a numeric address: " + endpoint.text);
}

Result<Address> Address::from_ip(std::string_view text) {
  config::Endpoint endpoint;
  bool v6 = text.find(':') != std::string_view::npos;
  endpoint.kind = v6 ? config::Endpoint::Kind::Ip6 : config::Endpoint::Kind::Ip4;
  endpoint.host = endpoint.text = text;
  return from(endpoint);
}

Address Address::from(const sockaddr* from, socklen_t size) {
  Address address;
  std::memset(&address.storage_, 0, sizeof(address.storage_));
  address.size_ = std::min<socklen_t>(size, sizeof(address.storage_));
  std::memcpy(&address.storage_, from, address.size_);
  return address;
}

const std::uint8_t* Address::bytes(int& count) const {
  if (family() == AF_INET) {
    count = 4;
    return reinterpret_cast<const std::uint8_t*>(&storage_.v4.sin_addr);
  }
  if (family() != AF_INET6) {
    count = 0;
    return nullptr;
  }
  const auto* all = reinterpret_cast<const std::uint8_t*>(&storage_.v6.sin6_addr);
  bool mapped = IN6_IS_ADDR_V4MAPPED(&storage_.v6.sin6_addr);
  count = mapped ? 4 : 16;
  return mapped ? all + 12 : all;
}

std::string_view Address::host(char* out) const {
  int count;
  const std::uint8_t* at = bytes(count);
  if (count == 4) {
    char* end = out;
    for (int i = 0; i < 4; ++i) {
      unsigned n = at[i];
      if (i > 0) *end++ = '.';
      if (n >= 100) *end++ = static_cast<char>('0' + n / 100);
      if (n >= 10) *end++ = static_cast<char>('0' + n / 10 % 10);
      *end++ = static_cast<char>('0' + n % 10);
    }
    return {out, static_cast<std::size_t>(end - out)};
  }
  if (count == 16) {
    inet_ntop(AF_INET6, at, out, INET6_ADDRSTRLEN);
    return out;
  }
  std::string_view path;
  if (family() == AF_UNIX && size_ > offsetof(sockaddr_un, sun_path))
    path = {storage_.local.sun_path,
            strnlen(storage_.local.sun_path, size_ - offsetof(sockaddr_un, sun_path))};
  if (path.empty()) path = "unix:";
  std::memcpy(out, path.data(), path.size());
  return {out, path.size()};
}

std::uint16_t Address::port() const {
  if (family() == AF_INET) return ntohs(storage_.v4.sin_port);
  if (family() == AF_INET6) return ntohs(storage_.v6.sin6_port);
  return 0;
}

void Address::set_port(std::uint16_t port) {
  if (family() == AF_INET) storage_.v4.sin_port = htons(port);
  if (family() == AF_INET6) storage_.v6.sin6_port = htons(port);
}

std::string Address::text() const {
  char buffer[128];
  std::string host_text(host(buffer));
  if (family() == AF_UNIX) return host_text == "unix:" ? host_text : "unix:" + host_text;
  if (host_text.find(':') != std::string::npos) host_text = "[" + host_text + "]";
  return host_text + ":" + std::to_string(port());
}

bool Address::is_in(const config::Cidr& range) const {
  int count;
  const std::uint8_t* at = bytes(count);
  if (count != (range.v6 ? 16 : 4)) return false;
  int whole = range.bits / 8, rest = range.bits % 8;
  if (std::memcmp(at, range.bytes, static_cast<std::size_t>(whole)) != 0) return false;
  if (rest == 0) return true;
  int mask = 0xff << (8 - rest) & 0xff;
  return (at[whole] & mask) == (range.bytes[whole] & mask);
}

bool Address::operator==(const Address& other) const {
  return size_ == other.size_ && std::memcmp(&storage_, &other.storage_, size_) == 0;
}

}  // namespace weir::net
