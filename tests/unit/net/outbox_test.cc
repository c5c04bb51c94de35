// SPDX-License-Identifier: Apache-2.0
//
// What is sent in a turn leaves in one send for each transport, at the latest at the turn's end.
#include "net/outbox.h"

#include "fakes/fake_transport.h"
#include "fakes/steps.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace weir::net {
namespace {

using test::FakeTransport;
using Sends = std::vector<std::string>;

struct OutboxTest : testing::Test {
  void say(Transport& transport, std::string_view text) {
    outbox.to(transport).refer({text.data(), text.size()});
  }
  event::Loop loop;
  Outbox outbox{loop};
  FakeTransport a, b, c;
};

TEST_F(OutboxTest, GathersForEachTransport) {
  say(a, "1");
  say(b, "x");
  say(a, "2");
  EXPECT_EQ(&outbox.to(a), &outbox.to(a));
  EXPECT_NE(&outbox.to(a), &outbox.to(b));
  EXPECT_EQ(a.sent, Sends());
  outbox.flush();
  EXPECT_EQ(a.sent, Sends{"12"});
  EXPECT_EQ(b.sent, Sends{"x"});
  outbox.flush();
  EXPECT_EQ(a.sent.size() + b.sent.size(), 2U);
}

TEST_F(OutboxTest, SendsNothingForNothing) {
  outbox.to(a);
  say(b, "x");
  outbox.flush();
  EXPECT_EQ(a.sent, Sends());
  EXPECT_EQ(b.sent, Sends{"x"});
}

TEST_F(OutboxTest, BeginsAnewAfterAFlush) {
  for (FakeTransport* transport : {&a, &b}) say(*transport, "1");
  outbox.flush();
  for (FakeTransport* transport : {&c, &a}) say(*transport, "2");
  outbox.flush();
  EXPECT_EQ(a.sent, (Sends{"1", "2"}));
  EXPECT_EQ(b.sent, Sends{"1"});
  EXPECT_EQ(c.sent, Sends{"2"});
}

TEST_F(OutboxTest, ForgetsOneAndKeepsTheOthers) {
  for (FakeTransport* gone : {&a, &b, &c}) {
    for (FakeTransport* transport : {&a, &b, &c}) {
      transport->sent.clear();
      say(*transport, "for " + std::to_string(transport - &a));
    }
    outbox.forget(*gone);
    outbox.forget(*gone);
    outbox.flush();
    for (FakeTransport* transport : {&a, &b, &c})
      EXPECT_EQ(transport->sent.size(), transport == gone ? 0U : 1U);
  }
}

TEST_F(OutboxTest, LeavesNothingOfTheForgottenToItsSuccessor) {
  say(a, "old");
  outbox.forget(a);
  say(b, "new");
  outbox.flush();
  EXPECT_EQ(b.sent, Sends{"new"});
  FakeTransport unknown;
  outbox.forget(unknown);
}

TEST_F(OutboxTest, FlushesAtTheEndOfATurn) {
  int turns = 0;
  test::Steps(loop)
      .when([] { return true; },
            [&] {
              say(a, "head ");
              say(a, "body");
              EXPECT_EQ(a.sent, Sends());
            })
      .when([&] { return ++turns > 1; }, [&] { EXPECT_EQ(a.sent, Sends{"head body"}); })
      .run();
}

TEST_F(OutboxTest, LetsSmallSendsWaitWhenABufferIsReleased) {
  say(a, "small");
  outbox.release();
  EXPECT_EQ(a.sent, Sends());
  const std::string long_one(2000, 'x');  // is not copied
  say(b, long_one);
  outbox.release();
  EXPECT_EQ(a.sent, Sends{"small"});
  EXPECT_EQ(b.sent.size(), 1U);
}

TEST_F(OutboxTest, LetsNeitherLargeOnesWaitNorMany) {
  const std::string copied(1000, 'x');
  for (int i = 0; i < 6; ++i) say(a, copied);
  outbox.release();
  EXPECT_EQ(a.sent.size(), 1U);
  std::vector<FakeTransport> many(17);
  for (FakeTransport& transport : many) {
    EXPECT_TRUE(many.front().sent.empty());
    say(transport, "small");
    outbox.release();
  }
  for (const FakeTransport& transport : many) EXPECT_EQ(transport.sent, Sends{"small"});
}

}  // namespace
}  // namespace weir::net
