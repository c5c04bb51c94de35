// SPDX-License-Identifier: Apache-2.0
#include "upstream/address_set.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace weir::upstream {

using shm::AddressSet;

namespace {

using Ip = std::array<std::byte, AddressSet::ip_size>;

constexpr std::size_t v4_at = 12;  // in an IPv4 address written as IPv6

Ip to_ip(const void* bytes, std::size_t size) {
  Ip ip{};
  if (size == 4) ip[10] = ip[11] = std::byte{0xff};
  std::memcpy(ip.data() + (size == 4 ? v4_at : 0), bytes, size);
  return ip;
}

Ip ip_of(const AddressSet& set, std::size_t i) {
  return to_ip(set.bytes + i * AddressSet::ip_size, AddressSet::ip_size);
}

bool contains(const AddressSet& set, const Ip& ip) {
  for (std::size_t i = 0; !set.is_local && i < set.count; ++i)
    if (ip_of(set, i) == ip) return true;
  return false;
}

}  // namespace

AddressSet to_set(const net::Address& address) {
  AddressSet set;
  if (!address.is_set()) return set;
  set.count = 1;
  int size;
  if (const std::uint8_t* bytes = address.bytes(size)) {
    set.port = address.port();
    const Ip ip = to_ip(bytes, static_cast<std::size_t>(size));
    std::copy(ip.begin(), ip.end(), set.bytes);
    return set;
  }
  static_assert(sizeof(sockaddr_un) <= sizeof(set.bytes));
  set.is_local = 1;
  std::memcpy(set.bytes, address.get(), std::min<std::size_t>(address.size(), sizeof(sockaddr_un)));
  return set;
}

AddressSet to_set(std::span<const std::string> addresses, std::uint16_t port,
                  const AddressSet& known) {
  std::vector<Ip> ips;
  for (const std::string& bytes : addresses)
    if (bytes.size() == 4 || bytes.size() == AddressSet::ip_size)
      ips.push_back(to_ip(bytes.data(), bytes.size()));
  std::sort(ips.begin(), ips.end());
  ips.erase(std::unique(ips.begin(), ips.end()), ips.end());
  if (ips.size() > AddressSet::most) {
    std::stable_partition(ips.begin(), ips.end(),
                          [&](const Ip& ip) { return contains(known, ip); });
    ips.resize(AddressSet::most);
    std::sort(ips.begin(), ips.end());
  }
  AddressSet set;
  if (ips.empty()) return set;
  set.port = port;
  for (const Ip& ip : ips)
    std::copy(ip.begin(), ip.end(), set.bytes + set.count++ * AddressSet::ip_size);
  return set;
}

net::Address address_of(const AddressSet& set, std::size_t i) {
  if (set.is_local)
    return net::Address::from(reinterpret_cast<const sockaddr*>(set.bytes), sizeof(sockaddr_un));
  const Ip ip = ip_of(set, i);
  if (ip == to_ip(ip.data() + v4_at, 4)) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(set.port);
    std::memcpy(&v4.sin_addr, ip.data() + v4_at, sizeof(v4.sin_addr));
    return net::Address::from(reinterpret_cast<const sockaddr*>(&v4), sizeof(v4));
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(set.port);
  std::memcpy(&v6.sin6_addr, ip.data(), sizeof(v6.sin6_addr));
  return net::Address::from(reinterpret_cast<const sockaddr*>(&v6), sizeof(v6));
}

bool have_common(const AddressSet& one, const AddressSet& other) {
  if (one.is_local || other.is_local) return one == other;
  if (one.port != other.port) return false;
  for (std::size_t i = 0; i < one.count; ++i)
    if (contains(other, ip_of(one, i))) return true;
  return false;
}

std::string text_of(const AddressSet& set) {
  std::string text;
  for (std::size_t i = 0; i < set.count; ++i)
    text += (text.empty() ? "" : ", ") + address_of(set, i).text();
  return text;
}

}  // namespace weir::upstream
