// SPDX-License-Identifier: Apache-2.0
//
// A peer that takes little by little is no stalled one, though no edge tells of it.
#include "net/send_stall.h"

#include "net/socket.h"

#include <gtest/gtest.h>

#include <netinet/tcp.h>
#include <sys/socket.h>

#include <string>

namespace weir::net {
namespace {

class Stall : public testing::Test, private TransportEvents {
 protected:
  static constexpr std::uint64_t limit = 800;

  void SetUp() override {
    int pair[2];
    ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
    tcp_.adopt(pair[0]);
    peer_ = Fd(pair[1]);
    const std::string piece(1000, 'x');
    while (::send(tcp_.fd(), piece.data(), piece.size(), MSG_NOSIGNAL) > 0) {
    }
  }
  void take() {
    char some[1000];
    // A piece at a time is given back only when all of it was read.
    ASSERT_EQ(::recv(peer_.get(), some, sizeof(some), 0), 1000);
  }
  void on_readable() noexcept override {}
  void on_sent() noexcept override {}

  event::Loop loop_;
  TcpTransport tcp_{loop_, *this};
  Fd peer_;
  SendStall stall_;
};

TEST_F(Stall, IsSeenAfterTheLimit) {
  EXPECT_EQ(stall_.due(1000, limit), 1100U);
  EXPECT_FALSE(stall_.judge(tcp_, 1000, 1099, limit)) << "it is not time yet";
  EXPECT_FALSE(stall_.judge(tcp_, 1000, 1100, limit)) << "the first look";
  EXPECT_EQ(stall_.due(1000, limit), 1900U);
  EXPECT_FALSE(stall_.judge(tcp_, 1000, 1899, limit));
  EXPECT_TRUE(stall_.judge(tcp_, 1000, 1900, limit));
}

TEST_F(Stall, EndsWithAnyProgress) {
  std::uint64_t now = 1100;
  EXPECT_FALSE(stall_.judge(tcp_, 1000, now, limit));
  for (int i = 0; i < 20; ++i) {
    take();
    now += limit;
    EXPECT_FALSE(stall_.judge(tcp_, 1000, now, limit));
    EXPECT_EQ(stall_.due(1000, limit), now + limit);
  }
  EXPECT_TRUE(stall_.judge(tcp_, 1000, now + limit, limit));
}

TEST_F(Stall, BeginsAnewWithWhatTheSocketTells) {
  EXPECT_FALSE(stall_.judge(tcp_, 1000, 1100, limit));
  EXPECT_EQ(stall_.due(1500, limit), 1600U);
  EXPECT_FALSE(stall_.judge(tcp_, 1500, 1900, limit)) << "there was progress since the first look";
  EXPECT_TRUE(stall_.judge(tcp_, 1500, 2700, limit));
}

TEST_F(Stall, HasNoEndWithoutALimit) { EXPECT_EQ(stall_.due(1000, 0), 0U); }

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof(value);
  EXPECT_EQ(::getsockopt(fd, level, name, &value, &size), 0);
  return value;
}

TEST(KeepAlive, IsSetAndTakenBack) {
  const Fd fd(::socket(AF_INET, SOCK_STREAM, 0));
  keep_alive(fd.get(), 31'500'000);
  EXPECT_EQ(option(fd.get(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPIDLE), 31);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL), 10);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPCNT), 3);
  keep_alive(fd.get(), 1'000'000);
  EXPECT_EQ(option(fd.get(), IPPROTO_TCP, TCP_KEEPINTVL), 1);
  keep_alive(fd.get(), 0);
  EXPECT_EQ(option(fd.get(), SOL_SOCKET, SO_KEEPALIVE), 0);
}

}  // namespace
}  // namespace weir::net
