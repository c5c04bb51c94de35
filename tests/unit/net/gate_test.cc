// SPDX-License-Identifier: Apache-2.0
//
// A gate: whoever is on the way still arrives while nobody new is let in, then nobody is, then all are.
#include "net/gate.h"

#include "net/address.h"
#include "net/socket.h"

#include <gtest/gtest.h>

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

namespace weir::net {
namespace {

struct Gate : testing::Test {
  Gate() {
    // A port that is asked for is kept; one that the kernel has chosen would be given away.
    sockaddr_in any{};
    any.sin_family = AF_INET;
    any.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    Fd probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    int on = 1;
    ::setsockopt(probe.get(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on));
    EXPECT_EQ(::bind(probe.get(), reinterpret_cast<sockaddr*>(&any), sizeof(any)), 0);
    socklen_t size = sizeof(any);
    EXPECT_EQ(::getsockname(probe.get(), reinterpret_cast<sockaddr*>(&any), &size), 0);
    address = Address::from(reinterpret_cast<sockaddr*>(&any), size);
    auto listening = listen_on(address, {});
    EXPECT_TRUE(listening);
    fd = std::move(*listening);
    reserved = std::move(probe);
  }

  /// A connection that has been begun, with its errno so far.
  int begin(Fd& client) const {
    client = Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (::connect(client.get(), address.get(), address.size()) == 0) return 0;
    pollfd wait{client.get(), POLLOUT, 0};
    if (errno != EINPROGRESS || ::poll(&wait, 1, 100) == 0) return errno;
    int error = 0;
    socklen_t size = sizeof(error);
    ::getsockopt(client.get(), SOL_SOCKET, SO_ERROR, &error, &size);
    return error;
  }
  bool arrives(const Fd& client) const {
    EXPECT_EQ(::send(client.get(), "x", 1, MSG_NOSIGNAL), 1);
    pollfd wait{fd.get(), POLLIN, 0};
    if (::poll(&wait, 1, 2000) != 1) return false;
    EXPECT_TRUE(has_waiting(fd.get()));
    Fd accepted(::accept4(fd.get(), nullptr, nullptr, SOCK_CLOEXEC));
    welcome(accepted.get());
    EXPECT_EQ(::send(client.get(), "y", 1, MSG_NOSIGNAL), 1);
    char bytes[2];
    return ::recv(accepted.get(), bytes, 2, MSG_WAITALL) == 2;
  }

  Address address;
  Fd reserved, fd;
};

TEST_F(Gate, LetsInWhoIsOnTheWayThenNobodyThenAll) {
  Fd early, knocking, late, again;
  ASSERT_EQ(begin(early), 0);  // deferred: not in the queue before it says something
  EXPECT_FALSE(has_waiting(fd.get()));
  narrow_gate(fd.get());
  EXPECT_TRUE(is_listening(fd.get()));
  EXPECT_EQ(begin(knocking), EINPROGRESS);
  EXPECT_TRUE(arrives(early));

  shut_gate(fd.get());
  EXPECT_FALSE(is_listening(fd.get()));
  EXPECT_EQ(begin(late), ECONNREFUSED);

  EXPECT_TRUE(open_gate(fd.get()));
  EXPECT_FALSE(open_gate(fd.get()));
  EXPECT_TRUE(is_listening(fd.get()));
  ASSERT_EQ(begin(again), 0);
  EXPECT_TRUE(arrives(again));
}

TEST_F(Gate, HandsOutWhoSaysNothingBeforeItIsTime) {
  Fd silent;
  ASSERT_EQ(begin(silent), 0);
  narrow_gate(fd.get());
  pollfd wait{fd.get(), POLLIN, 0};
  EXPECT_EQ(::poll(&wait, 1, 10'000), 1);  // a second, by TCP's own doing
  EXPECT_TRUE(has_waiting(fd.get()));
}

TEST_F(Gate, EverythingMayBeSaidTwice) {
  for (int i = 0; i < 2; ++i) narrow_gate(fd.get());
  for (int i = 0; i < 2; ++i) shut_gate(fd.get());
  for (int i = 0; i < 2; ++i) open_gate(fd.get());
  Fd client;
  ASSERT_EQ(begin(client), 0);
  EXPECT_TRUE(arrives(client));
}

}  // namespace
}  // namespace weir::net
