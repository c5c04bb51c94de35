// SPDX-License-Identifier: Apache-2.0
//
// Address: an IPv4, IPv6 or Unix socket address as a plain value.
#pragma once

#include <weir/result.h>

#include "config/config.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace weir::net {

class Address {
 public:
  static constexpr std::size_t most_text = 112;  ///< room for `host`

  Address() { storage_.base.sa_family = AF_UNSPEC; }

  /// The address of a numeric or Unix endpoint.  Errc::Invalid for a name: those are looked up.
  static Result<Address> from(const config::Endpoint& endpoint);

  /// A bare IPv4 or IPv6 address, without port and brackets.
  static Result<Address> from_ip(std::string_view text);

  /// What accept, getpeername or a resolver handed over; `size` at most sizeof(sockaddr_un).
  static Address from(const sockaddr* address, socklen_t size);

  bool is_set() const { return storage_.base.sa_family != AF_UNSPEC; }
  int family() const { return storage_.base.sa_family; }
  const sockaddr* get() const { return &storage_.base; }
  socklen_t size() const { return size_; }

  /// "192.0.2.1", "2001:db8::1" (IPv4 in IPv6 is shown as IPv4), the path, or "unix:" if unnamed.
  /// Writes at most 108 bytes to `out`, without an end mark.
  std::string_view host(char* out) const;

  /// Port in host order; 0 for Unix sockets.
  std::uint16_t port() const;
  void set_port(std::uint16_t port);

  /// "192.0.2.1:80", "[2001:db8::1]:80", "unix:/path".
  std::string text() const;

  /// True if the address lies in that range; IPv4 in IPv6 counts as IPv4.
  bool is_in(const config::Cidr& range) const;

  bool operator==(const Address& other) const;

  /// The bytes of an IP address in network order and their number (4 or 16; 0 for Unix), with IPv4
  /// in IPv6 taken as IPv4.
  const std::uint8_t* bytes(int& count) const;

 private:
  union {
    sockaddr base;
    sockaddr_in v4;
    sockaddr_in6 v6;
    sockaddr_un local;
  } storage_;
  socklen_t size_ = 0;
};

}  // namespace weir::net
