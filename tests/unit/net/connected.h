// SPDX-License-Identifier: Apache-2.0
//
// For tests of the net room: transports over real sockets whose other end the test holds.
#pragma once

#include "base/fd.h"
#include "fakes/steps.h"
#include "net/socket.h"
#include "net/tcp.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace weir::net {

/// A transport and the descriptor of its peer, both without blocking.
struct Connected final : TransportEvents {
  explicit Connected(event::Loop& loop) : transport(loop, *this) {}

  /// Over a pair of Unix sockets.
  void pair_up() {
    int ends[2];
    ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
    transport.adopt(ends[0]);
    peer = Fd(ends[1]);
  }
  /// Over TCP, as an accepted connection.
  void accept_from(const Fd& listening, const Address& at) {
    peer = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    ASSERT_EQ(::connect(peer.get(), at.get(), at.size()), 0);
    transport.adopt(::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
    ASSERT_GE(transport.fd(), 0);
  }

  void on_readable() noexcept override { ++readable; }
  void on_sent() noexcept override { ++sent; }

  /// The peer sends.
  void peer_says(std::string_view text) const {
    EXPECT_EQ(::send(peer.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  /// What the peer can receive now; `peer_end`: 0 at the end, an errno if it failed, else EAGAIN.
  std::string peer_hears() {
    std::string all;
    char bytes[64 * 1024];
    ssize_t count;
    while ((count = ::recv(peer.get(), bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
      all.append(bytes, static_cast<std::size_t>(count));
    peer_end = count == 0 ? 0 : errno;
    return all;
  }
  /// What one read gives, as text; `how` tells how it went.
  std::string read(std::size_t most = 64 * 1024) {
    std::string bytes(most, '\0');
    const IoResult result = transport.read(bytes);
    how = result.io;
    bytes.resize(result.bytes);
    return bytes;
  }
  void send(std::string_view text) {
    Gather gather;
    gather.refer({text.data(), text.size()});
    transport.send(gather);
    EXPECT_TRUE(gather.empty());
  }

  TcpTransport transport;
  Fd peer;
  int readable = 0, sent = 0;
  int peer_end = EAGAIN;
  Io how = Io::Again;
};

/// A socket listening on a port of this machine.
struct Origin {
  Origin() {
    auto made = listen_on(*Address::from_ip("127.0.0.1"), {false, false});
    EXPECT_TRUE(made);
    if (!made) return;
    fd = std::move(*made);
    sockaddr_storage name{};
    socklen_t size = sizeof(name);
    getsockname(fd.get(), reinterpret_cast<sockaddr*>(&name), &size);
    at = Address::from(reinterpret_cast<sockaddr*>(&name), size);
  }
  Fd fd;
  Address at;
};

/// Bytes of which each shows where it belongs.
inline std::string pattern(std::size_t size) {
  std::string text(size, '\0');
  for (std::size_t i = 0; i < size; ++i) text[i] = static_cast<char>('!' + i % 89 + i / 997 % 5);
  return text;
}

}  // namespace weir::net
