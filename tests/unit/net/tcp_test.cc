// SPDX-License-Identifier: Apache-2.0
//
// A transport over real sockets: what reads tell, that every byte sent arrives in order however slowly the
// peer takes it, and how connections begin and break.
#include "net/tcp.h"

#include "net/connected.h"

#include <gtest/gtest.h>

#include <netinet/tcp.h>

#include <memory>
#include <utility>

namespace weir::net {
namespace {

struct TcpTest : testing::Test {
  event::Loop loop;
  test::Steps steps{loop};
  Connected a{loop};
};

void reset_by_peer(Connected& one) {
  const linger now{1, 0};
  setsockopt(one.peer.get(), SOL_SOCKET, SO_LINGER, &now, sizeof(now));
  one.peer.reset();
}

TEST_F(TcpTest, ReadsUntilThereIsNothing) {
  a.pair_up();
  a.peer_says("hello world");
  EXPECT_TRUE(a.transport.may_have_input());
  EXPECT_EQ(a.read(5), "hello");
  EXPECT_TRUE(a.transport.may_have_input());
  EXPECT_EQ(a.read(), " world");
  EXPECT_FALSE(a.transport.may_have_input());
  EXPECT_FALSE(a.transport.is_watched()) << "watched only when a read has said Again";
  EXPECT_EQ(a.read(), "");
  EXPECT_EQ(a.how, Io::Again);
  EXPECT_TRUE(a.transport.is_watched());
  a.peer_says("more");
  steps.when([&] { return a.readable > 0; }, [&] { EXPECT_EQ(a.read(), "more"); }).run();
}

TEST_F(TcpTest, IsWatchedWhenThereIsNothingToSplice) {
  a.pair_up();
  a.peer_says("head");
  EXPECT_EQ(a.read(), "head");
  EXPECT_FALSE(a.transport.is_watched());
  EXPECT_EQ(a.transport.splice_to(-1, 100).io, Io::Again);
  EXPECT_TRUE(a.transport.is_watched());
}

TEST_F(TcpTest, TellsTheEndForAsLongAsItIsAsked) {
  a.pair_up();
  a.peer_says("last");
  a.peer.reset();
  EXPECT_EQ(a.read(4), "last");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(a.read(), "");
    EXPECT_EQ(a.how, Io::End);
  }
  EXPECT_TRUE(a.transport.is_closing());
  EXPECT_FALSE(a.transport.has_failed());
}

// Data and end may share one edge: the short read must not hide the end.
TEST_F(TcpTest, SeesTheEndThatCameWithData) {
  a.pair_up();
  a.transport.watch();
  a.peer_says("last");
  ::shutdown(a.peer.get(), SHUT_WR);
  steps
      .when([&] { return a.readable > 0; },
            [&] {
              EXPECT_TRUE(a.transport.is_closing());
              EXPECT_EQ(a.read(), "last");
              EXPECT_EQ(a.read(), "");
              EXPECT_EQ(a.how, Io::End);
            })
      .run();
}

TEST_F(TcpTest, ReadsTellOfAReset) {
  Origin origin;
  a.accept_from(origin.fd, origin.at);
  reset_by_peer(a);
  EXPECT_EQ(a.read(), "");
  EXPECT_EQ(a.how, Io::Failed);
  EXPECT_TRUE(a.transport.has_failed());
  EXPECT_TRUE(a.transport.is_closing());
  EXPECT_TRUE(a.transport.is_broken());
}

// A reset is told in the same edge as the bytes before it, and looks like one that has only bytes.
TEST_F(TcpTest, SeesAResetThatCameWithDataIfMoreIsExpected) {
  Origin origin;
  a.accept_from(origin.fd, origin.at);
  a.transport.watch();
  a.peer_says("half");
  reset_by_peer(a);
  steps
      .when([&] { return a.readable > 0; },
            [&] {
              EXPECT_EQ(a.read(), "half");
              EXPECT_FALSE(a.transport.may_have_input());
              a.transport.expect_more();
              EXPECT_EQ(a.read(), "");
              EXPECT_EQ(a.how, Io::Failed);
            })
      .run();
}

TEST_F(TcpTest, ASendThatFailsIsToldAsReadable) {
  Origin origin;
  a.accept_from(origin.fd, origin.at);
  a.transport.watch();
  a.peer_says("half");
  reset_by_peer(a);
  steps
      .when([&] { return a.readable > 0; },
            [&] {
              EXPECT_EQ(a.read(), "half");
              a.readable = 0;
              a.send("more");
              EXPECT_TRUE(a.transport.has_failed());
            })
      .when([&] { return a.readable > 0; })
      .run();
}

TEST_F(TcpTest, APeerThatOnlyStoppedSendingIsNotGone) {
  Origin origin;
  a.accept_from(origin.fd, origin.at);
  a.transport.watch();
  EXPECT_FALSE(a.transport.is_broken());
  ::shutdown(a.peer.get(), SHUT_WR);
  steps
      .when([&] { return a.transport.is_closing(); },
            [&] {
              EXPECT_FALSE(a.transport.is_broken());
              a.send("answer");
              EXPECT_EQ(a.peer_hears(), "answer");
              reset_by_peer(a);
              a.readable = 0;
            })
      .when([&] { return a.readable > 0; }, [&] { EXPECT_TRUE(a.transport.is_broken()); })
      .run();
}

TEST_F(TcpTest, SendsAtOnceWhatTheSocketTakes) {
  a.pair_up();
  Gather gather;
  const std::string body = pattern(5000);
  gather.refer({"head ", 5});
  gather.refer(body);
  a.transport.send(gather);
  EXPECT_TRUE(gather.empty());
  EXPECT_EQ(a.transport.queued(), 0U);
  EXPECT_FALSE(a.transport.is_watched());
  EXPECT_EQ(a.peer_hears(), "head " + body);
}

// The bytes of the sends are gone when the socket takes them: they must have been copied.
TEST_F(TcpTest, KeepsWhatTheSocketDoesNotTake) {
  a.pair_up();
  std::string expected, heard;
  for (std::size_t size : {3'000'000U, 5U, 1'000'000U, 1U}) {
    std::string bytes = pattern(size);
    expected += bytes;
    a.send(bytes);
    bytes.assign(size, '?');
  }
  const std::size_t queued = a.transport.queued();
  EXPECT_GT(queued, 0U);
  EXPECT_LT(queued, expected.size());
  steps
      .when([&] {
        heard += a.peer_hears();
        return a.transport.queued() == 0;
      })
      .run();
  heard += a.peer_hears();
  EXPECT_GT(a.sent, 0);
  EXPECT_TRUE(heard == expected);
}

// More pieces than one call takes (IOV_MAX), and more bytes than the socket.
TEST_F(TcpTest, SendsAnyNumberOfPieces) {
  a.pair_up();
  const std::string bytes = pattern(3000 * 1500);
  Gather gather;
  for (std::size_t at = 0; at < bytes.size(); at += 1500) gather.refer({bytes.data() + at, 1500});
  ASSERT_GE(gather.pieces().size(), 3000U);
  a.transport.send(gather);
  std::string heard;
  steps
      .when([&] {
        heard += a.peer_hears();
        return a.transport.queued() == 0 || a.transport.has_failed();
      })
      .run();
  EXPECT_TRUE(heard + a.peer_hears() == bytes);
}

TEST_F(TcpTest, ShutsDownBehindWhatIsQueued) {
  a.pair_up();
  const std::string bytes = pattern(3'000'000);
  a.send(bytes);
  ASSERT_GT(a.transport.queued(), 0U);
  a.transport.shut_down();
  a.transport.shut_down();
  std::string heard;
  steps
      .when([&] {
        heard += a.peer_hears();
        return a.peer_end == 0;
      })
      .run();
  EXPECT_TRUE(heard == bytes);
  a.peer_says("still heard");
  EXPECT_EQ(a.read(), "still heard");
}

TEST_F(TcpTest, ShutsDownAtOnceIfNothingIsQueued) {
  a.pair_up();
  a.send("bye");
  a.transport.shut_down();
  EXPECT_EQ(a.peer_hears(), "bye");
  EXPECT_EQ(a.peer_end, 0);
}

TEST_F(TcpTest, AnAbortCannotBeTakenForAnEnd) {
  Origin origin;
  auto one = std::make_unique<Connected>(loop);
  one->accept_from(origin.fd, origin.at);
  const std::string bytes = pattern(20'000'000);
  one->send(bytes);
  ASSERT_GT(one->transport.queued(), 0U);
  one->transport.abort();
  EXPECT_TRUE(one->transport.has_failed());
  EXPECT_EQ(one->transport.queued(), 0U);
  std::swap(a.peer, one->peer);
  one.reset();
  a.peer_hears();
  EXPECT_EQ(a.peer_end, ECONNRESET);
}

TEST_F(TcpTest, DropsWhatItCannotSendAnyMore) {
  a.pair_up();
  a.peer.reset();
  a.send("to nobody");
  EXPECT_TRUE(a.transport.has_failed());
  EXPECT_EQ(a.transport.queued(), 0U);
  a.send(pattern(100'000));
  EXPECT_EQ(a.transport.queued(), 0U);
  a.transport.shut_down();
}

TEST_F(TcpTest, DropsItsQueueWhenThePeerGoes) {
  a.pair_up();
  a.send(pattern(3'000'000));
  ASSERT_GT(a.transport.queued(), 0U);
  a.peer.reset();
  steps.when([&] { return a.transport.has_failed(); }).run();
  EXPECT_EQ(a.transport.queued(), 0U);
}

TEST_F(TcpTest, Connects) {
  Origin origin;
  ASSERT_EQ(a.transport.connect(origin.at), 0);
  ASSERT_TRUE(a.transport.is_connecting());
  EXPECT_EQ(a.transport.connect_result(), EINPROGRESS);
  EXPECT_EQ(a.how, Io::Again);
  steps
      .when([&] { return a.sent > 0; },
            [&] {
              EXPECT_EQ(a.transport.connect_result(), 0);
              EXPECT_FALSE(a.transport.is_connecting());
              EXPECT_EQ(a.transport.connect_result(), 0);
              a.send("hello");
              a.peer = Fd(::accept(origin.fd.get(), nullptr, nullptr));
            })
      .when([&] { return a.peer_hears() == "hello"; })
      .run();
  int no_delay = 0;
  socklen_t size = sizeof(no_delay);
  getsockopt(a.transport.fd(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size);
  EXPECT_NE(no_delay, 0);
}

TEST_F(TcpTest, KeepsWhatIsSentBeforeItIsConnected) {
  Origin origin;
  ASSERT_EQ(a.transport.connect(origin.at), 0);
  ASSERT_TRUE(a.transport.is_connecting());
  a.send("early ");
  EXPECT_EQ(a.transport.queued(), 6U);
  std::string heard;
  steps
      .when([&] { return a.sent > 0; },
            [&] {
              EXPECT_EQ(a.transport.connect_result(), 0);
              a.send("late");
              a.peer = Fd(::accept(origin.fd.get(), nullptr, nullptr));
            })
      .when([&] {
        heard += a.peer_hears();
        return heard.size() >= 10;
      })
      .run();
  EXPECT_EQ(heard, "early late");
  EXPECT_EQ(a.transport.queued(), 0U);
}

TEST_F(TcpTest, TellsWhyItCannotConnect) {
  Origin origin;
  origin.fd.reset();
  ASSERT_EQ(a.transport.connect(origin.at), 0);
  steps.when([&] { return a.sent + a.readable > 0; }).run();
  EXPECT_EQ(a.transport.connect_result(), ECONNREFUSED);
}

TEST_F(TcpTest, ConnectsToUnixSockets) {
  using Kind = config::Endpoint::Kind;
  const std::string path = testing::TempDir() + "weir-tcp-" + std::to_string(getpid());
  const Address at = *Address::from({Kind::Unix, path, 0, path});
  EXPECT_EQ(a.transport.connect(at), ENOENT);
  auto listening = listen_on(at, {});
  ASSERT_TRUE(listening) << listening.error().text();
  Connected b(loop);
  EXPECT_EQ(b.transport.connect(at), 0);
  EXPECT_FALSE(b.transport.is_connecting());
  EXPECT_EQ(b.transport.connect_result(), 0);
  ::unlink(path.c_str());
}

}  // namespace
}  // namespace weir::net
