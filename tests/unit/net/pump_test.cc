// SPDX-License-Identifier: Apache-2.0
//
// Bytes from one transport to another: all of them, in order, no more than allowed, and none that the
// other side cannot take.
#include "net/pump.h"

#include "fakes/fake_transport.h"
#include "net/connected.h"

#include <gtest/gtest.h>

#include <signal.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::net {
namespace {

constexpr std::uint64_t no_limit = UINT64_MAX;

struct PumpTest : testing::Test {
  PumpTest() {
    ::signal(SIGPIPE, SIG_IGN);  // as every process of weir does
    from.pair_up();
    to.pair_up();
  }
  IoResult move(std::uint64_t most = no_limit) {
    return pump.move(context, from.transport, to.transport, most);
  }
  /// Feeds the pump; true once it holds bytes because `to` takes no more.
  bool clogs(Pump& one) {
    const std::string bytes = pattern(64 * 1024);
    (void)!::send(from.peer.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
    one.move(context, from.transport, to.transport, no_limit);
    return one.held() > 0;
  }

  event::Loop loop;
  test::Steps steps{loop};
  Outbox outbox{loop};
  std::vector<char> buffer = std::vector<char>(64 * 1024);
  Context context{loop, outbox, buffer};
  Connected from{loop}, to{loop};
  test::FakeTransport fake_from, fake_to;
  Pump pump;
};

TEST_F(PumpTest, MovesWhatThereIs) {
  EXPECT_EQ(move().io, Io::Again);
  from.peer_says("hello");
  steps
      .when([&] { return from.readable > 0; },
            [&] {
              const IoResult result = move();
              EXPECT_EQ(result.io, Io::Done);
              EXPECT_EQ(result.bytes, 5U);
              EXPECT_EQ(pump.held(), 0U);
              EXPECT_EQ(to.peer_hears(), "hello");
              EXPECT_EQ(move().io, Io::Again);
            })
      .run();
}

TEST_F(PumpTest, OvertakesNothing) {
  Gather& head = outbox.to(to.transport);
  const std::string_view text = "head, ";
  head.commit(text.copy(head.reserve(text.size()), text.size()));
  from.peer_says("body");
  EXPECT_EQ(move().bytes, 4U);
  outbox.flush();
  EXPECT_EQ(to.peer_hears(), "head, body");
}

TEST_F(PumpTest, MovesNoMoreThanAllowed) {
  from.peer_says("0123456789");
  EXPECT_EQ(move(4).bytes, 4U);
  EXPECT_EQ(move(1).bytes, 1U);
  EXPECT_EQ(to.peer_hears(), "01234");
  EXPECT_EQ(from.read(), "56789");
}

TEST_F(PumpTest, TellsTheEndBehindTheLastByte) {
  from.peer_says("last");
  from.peer.reset();
  std::uint64_t moved = 0;
  IoResult result{Io::Done};
  for (int i = 0; i < 5 && result.io == Io::Done; ++i) moved += (result = move()).bytes;
  EXPECT_EQ(moved, 4U);
  EXPECT_EQ(result.io, Io::End);
  EXPECT_EQ(move().io, Io::End);
  EXPECT_EQ(to.peer_hears(), "last");
}

TEST_F(PumpTest, LosesNothingWhenTheOtherSideIsSlow) {
  const std::string bytes = pattern(6'000'000);
  std::string heard;
  std::size_t fed = 0, moved = 0;
  int turn = 0;
  Io last = Io::Again;
  steps
      .when([&] {
        if (fed < bytes.size()) {
          const ssize_t count =
              ::send(from.peer.get(), bytes.data() + fed, bytes.size() - fed, MSG_NOSIGNAL);
          if (count > 0) fed += static_cast<std::size_t>(count);
          if (fed == bytes.size()) from.peer.reset();
        }
        const IoResult result = move(700'000);
        moved += result.bytes;
        last = result.io;
        if (++turn % 3 == 0) heard += to.peer_hears();
        return last == Io::End || last == Io::Failed;
      })
      .run();
  EXPECT_EQ(last, Io::End);
  EXPECT_EQ(moved, bytes.size());
  EXPECT_EQ(pump.held(), 0U);
  EXPECT_TRUE(heard + to.peer_hears() == bytes);
}

TEST_F(PumpTest, HoldsBackTheEndWhileItHoldsBytes) {
  steps
      .when([&] { return clogs(pump); },
            [&] {
              from.peer.reset();
              EXPECT_EQ(move().io, Io::Again);
              EXPECT_GT(pump.held(), 0U);
            })
      .run();
}

TEST_F(PumpTest, WhatAPumpHeldDoesNotTurnUpInTheNext) {
  auto first = std::make_unique<Pump>();
  steps.when([&] { return clogs(*first); }).run();
  first.reset();
  Connected other_from(loop), other_to(loop);
  other_from.pair_up();
  other_to.pair_up();
  other_from.peer_says("clean");
  EXPECT_EQ(pump.move(context, other_from.transport, other_to.transport, no_limit).bytes, 5U);
  EXPECT_EQ(other_to.peer_hears(), "clean");
}

TEST_F(PumpTest, ReadsNothingWhileTheOtherSideHasBytesQueued) {
  to.send(pattern(3'000'000));
  ASSERT_GT(to.transport.queued(), 0U);
  from.peer_says("wait");
  EXPECT_EQ(move().io, Io::Again);
  EXPECT_EQ(from.read(), "wait");
}

TEST_F(PumpTest, TellsWhenTheReceiverIsGone) {
  to.peer.reset();
  from.peer_says("lost");
  EXPECT_EQ(move().io, Io::Failed);
  EXPECT_TRUE(to.transport.has_failed());
  EXPECT_FALSE(from.transport.has_failed());
}

TEST_F(PumpTest, TellsWhenTheSenderIsReset) {
  from.send("unread");
  from.peer.reset();
  EXPECT_EQ(move().io, Io::Failed);
  EXPECT_TRUE(from.transport.has_failed());
  EXPECT_FALSE(to.transport.has_failed());
}

TEST_F(PumpTest, CopiesWhatCannotStayInTheKernel) {
  fake_from.input = {"hello", std::string(100'000, 'x')};
  EXPECT_EQ(pump.move(context, fake_from, fake_to, no_limit).bytes, 5U);
  EXPECT_EQ(pump.move(context, fake_from, fake_to, 10).bytes, 10U);
  EXPECT_EQ(pump.move(context, fake_from, fake_to, no_limit).bytes, buffer.size());
  ASSERT_EQ(fake_to.sent.size(), 3U);
  EXPECT_EQ(fake_to.sent[0], "hello");
  EXPECT_EQ(fake_to.sent[1], std::string(10, 'x'));
  EXPECT_EQ(fake_to.sent[2], std::string(buffer.size(), 'x'));
}

TEST_F(PumpTest, CopiesBetweenASocketAndSomethingElse) {
  from.peer_says("up");
  EXPECT_EQ(pump.move(context, from.transport, fake_to, no_limit).bytes, 2U);
  EXPECT_EQ(fake_to.sent, std::vector<std::string>{"up"});
  fake_from.input = {"down"};
  EXPECT_EQ(pump.move(context, fake_from, to.transport, no_limit).bytes, 4U);
  EXPECT_EQ(to.peer_hears(), "down");
}

TEST_F(PumpTest, TellsHowACopyEnds) {
  for (Io how : {Io::Again, Io::End, Io::Failed}) {
    fake_from.then = how;
    EXPECT_EQ(pump.move(context, fake_from, fake_to, no_limit).io, how);
  }
  fake_from.input = {"x", "x"};
  fake_to.waiting = 1;
  EXPECT_EQ(pump.move(context, fake_from, fake_to, no_limit).io, Io::Again);
  fake_to.waiting = 0;
  fake_to.failed = true;
  EXPECT_EQ(pump.move(context, fake_from, fake_to, no_limit).io, Io::Failed);
}

}  // namespace
}  // namespace weir::net
