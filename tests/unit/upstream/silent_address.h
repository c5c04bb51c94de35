// SPDX-License-Identifier: Apache-2.0
//
// SilentAddress: where a connection is begun and nothing more happens, as behind a firewall that drops packets.
#pragma once

#include "base/fd.h"
#include "net/address.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <string>

namespace weir::upstream {

inline net::Address loopback(int last, std::uint16_t port = 0) {
  return *net::Address::from(
      {config::Endpoint::Kind::Ip4, "127.0.0." + std::to_string(last), port, ""});
}

/// An address where a connection is neither accepted nor refused: the queue of its only socket is full.
class SilentAddress {
 public:
  explicit SilentAddress(net::Address at) : listening_(socket()) {
    EXPECT_EQ(::bind(listening_.get(), at.get(), at.size()), 0) << at.text();
    EXPECT_EQ(::listen(listening_.get(), 0), 0);
    sockaddr_storage bound{};
    socklen_t size = sizeof(bound);
    ::getsockname(listening_.get(), reinterpret_cast<sockaddr*>(&bound), &size);
    address_ = net::Address::from(reinterpret_cast<sockaddr*>(&bound), size);
    in_front_ = socket();
    (void)::connect(in_front_.get(), address_.get(), address_.size());
  }
  const net::Address& address() const { return address_; }

 private:
  static Fd socket() {
    return Fd(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  }

  Fd listening_, in_front_;
  net::Address address_;
};

}  // namespace weir::upstream
