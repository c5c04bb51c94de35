// SPDX-License-Identifier: Apache-2.0
//
// How connections of HTTP/1.1 clients end: the client leaves, at any moment; an answer is the last one, and must not be
// lost to a reset; a drain is over.
#include "proxy/serving.h"
#include "proxy/session.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>

namespace weir::proxy {
namespace {

using test::is_about;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr std::string_view large_post =
    "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n";

struct SessionEndTest : OneClient {
  explicit SessionEndTest(config::Config from = limited()) : OneClient(std::move(from)) {}

  /// Until it has no client any more; says how long that took.
  std::uint64_t run_to_goodbye() {
    const std::uint64_t begun = clock.monotonic_us();
    steps.when([this] { return journal.connections == 0; }).run();
    return clock.monotonic_us() - begun;
  }
  void connected() {
    steps.when([this] { return journal.connections == 1; });
  }
  void leave() { client.reset(); }
  void half_close() { ASSERT_EQ(::shutdown(client.get(), SHUT_WR), 0); }
};

// ---- The client leaves -------------------------------------------------------------------------

TEST_F(SessionEndTest, BeforeItHasSaidAnything) {
  steps.when([this] { return journal.connections == 1; }, [this] { leave(); });
  EXPECT_EQ(run_to_goodbye(), 0U);
  EXPECT_THAT(journal.lines, IsEmpty());
}

TEST_F(SessionEndTest, InsideOfAHead) {
  say(client, request.substr(0, 10));
  steps.when([this] { return journal.connections == 1; }, [this] { leave(); });
  EXPECT_EQ(run_to_goodbye(), 0U);
  EXPECT_THAT(journal.lines, ElementsAre("- 499 client_gone"));
}

TEST_F(SessionEndTest, BetweenTwoRequests) {
  say(client, request);
  steps.when([this] { return has_heard("\r\n\r\n/"); }, [this] { leave(); });
  EXPECT_EQ(run_to_goodbye(), 0U);
  EXPECT_THAT(journal.lines, ElementsAre("/ 200 -"));
}

TEST_F(SessionEndTest, InsideOfABody) {
  add_filter(std::make_shared<PatientFilter>());
  say(client, large_post);
  say(client, "some of it");
  steps.when([this] { return journal.connections == 1; }, [this] { leave(); });
  EXPECT_EQ(run_to_goodbye(), 0U);
  EXPECT_THAT(journal.lines, ElementsAre("/post 499 client_gone"));
}

TEST_F(SessionEndTest, EndingItsDirectionInsideOfABodyIsLeaving) {
  add_filter(std::make_shared<PatientFilter>());
  say(client, large_post);
  half_close();
  connected();
  EXPECT_EQ(run_to_goodbye(), 0U);
  EXPECT_TRUE(hear(client, heard));
  EXPECT_EQ(heard, "");
  EXPECT_THAT(journal.lines, ElementsAre("/post 499 client_gone"));
}

// A request that takes less than a second is served whatever its client does.
TEST_F(SessionEndTest, WhileItIsServed) {
  auto pause = add_pause();
  say(client, request);
  steps.when([&] { return pause->wakers.size() == 1; }, [this] { leave(); });
  EXPECT_TRUE(is_about(run_to_goodbye(), second));
  EXPECT_THAT(journal.lines, ElementsAre("/ 499 client_gone"));
  pause->wakers[0].fire();  // means nobody any more
}

TEST_F(SessionEndTest, WhileItIsServedForLong) {
  auto pause = add_pause();
  say(client, request);
  moment.set(10 * second);
  steps.when([&] { return moment.has_come(); }, [this] { leave(); });
  EXPECT_TRUE(is_about(run_to_goodbye(), 10 * second));
  EXPECT_THAT(journal.lines, ElementsAre("/ 499 client_gone"));
}

TEST_F(SessionEndTest, EndingItsDirectionWhileItIsServedIsLeaving) {
  auto pause = add_pause();
  say(client, request);
  half_close();
  connected();
  EXPECT_TRUE(is_about(run_to_goodbye(), second));
  EXPECT_THAT(journal.lines, ElementsAre("/ 499 client_gone"));
}

TEST_F(SessionEndTest, WhoIsServedQuicklyMayHaveEndedItsDirection) {
  auto pause = add_pause();
  say(client, request);
  half_close();
  steps.when([&] { return pause->wakers.size() == 1; }, [&] { pause->wakers[0].fire(); });
  EXPECT_EQ(run_to_end(), 0U);
  EXPECT_THAT(heard, EndsWith("\r\n\r\n/"));
  EXPECT_THAT(journal.lines, ElementsAre("/ 200 -"));
}

// What becomes of a short request does not depend on what was on its connection before.
TEST_F(SessionEndTest, NorIsItLeavingOnAConnectionThatIsWatchedAlready) {
  auto pause = add_pause();
  say(client, request);
  moment.set(3 * second);
  steps.when([&] { return moment.has_come(); }, [&] { pause->wakers[0].fire(); })
      .when([this] { return has_heard("\r\n\r\n/"); },
            [&] {
              ask(client, "/2");
              half_close();
              moment.set(second / 2);
            })
      .when([&] { return moment.has_come(); }, [&] { pause->wakers[1].fire(); });
  run_to_end();
  EXPECT_THAT(heard, EndsWith("\r\n\r\n/2"));
  EXPECT_THAT(journal.lines, ElementsAre("/ 200 -", "/2 200 -"));
}

TEST_F(SessionEndTest, AfterASecondItIsLeavingThereToo) {
  auto pause = add_pause();
  say(client, request);
  moment.set(3 * second);
  steps.when([&] { return moment.has_come(); }, [&] { pause->wakers[0].fire(); })
      .when([this] { return has_heard("\r\n\r\n/"); },
            [&] {
              ask(client, "/2");
              half_close();
              moment.set(3 * second / 2);
            })
      .when([&] { return moment.has_come(); }, [&] { EXPECT_EQ(journal.connections, 0); })
      .run();
  EXPECT_THAT(journal.lines, ElementsAre("/ 200 -", "/2 499 client_gone"));
}

struct FinishesTest : SessionEndTest {
  static config::Config finishing() {
    config::Config config = limited();
    config.listeners[0].limits.client_close = config::ClientClose::Finish;
    return config;
  }
  FinishesTest() : SessionEndTest(finishing()) {}
};

TEST_F(FinishesTest, WhoHasEndedItsDirectionIsServedIfTheRouteSaysSo) {
  auto pause = add_pause();
  say(client, request);
  half_close();
  moment.set(20 * second);
  steps.when([&] { return moment.has_come(); }, [&] { pause->wakers[0].fire(); });
  run_to_end();
  EXPECT_THAT(heard, EndsWith("\r\n\r\n/"));
}

struct LargeAnswerEndTest : SessionEndTest {
  LargeAnswerEndTest() : SessionEndTest(limited(std::string(4'000'000, 'x'))) {}
};

TEST_F(LargeAnswerEndTest, WhileItIsAnswered) {
  say(client, request);
  connected();
  steps.when([this] { return journal.requests == 1; }, [this] { leave(); });
  EXPECT_EQ(run_to_goodbye(), 0U);
  EXPECT_EQ(journal.requests, 1);
}

// ---- The last answer ---------------------------------------------------------------------------

// Nobody reads the body, and a reset would take the answer with it.
TEST_F(SessionEndTest, AnAnswerBeforeTheBodyIsNotLost) {
  say(client, large_post);
  std::size_t sent = 0;
  const std::string piece(10'000, 'x');
  time.pass_while([] { return false; });
  steps.when([&] {
    const ssize_t count =
        ::send(client.get(), piece.data(), piece.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (count > 0) sent += static_cast<std::size_t>(count);
    return sent > 900'000;
  });
  EXPECT_EQ(run_to_end(), 0U);
  EXPECT_THAT(heard, EndsWith("\r\n\r\n/post"));
  EXPECT_THAT(heard, HasSubstr("Connection: close\r\n"));
  say(client, "still there");
}

TEST_F(SessionEndTest, AClientThatDoesNotEndIsWaitedForALittle) {
  say(client, large_post);
  steps.when([this] { return hear(client, heard); });
  EXPECT_TRUE(is_about(run_to_goodbye(), 5 * second));
}

TEST_F(SessionEndTest, WhatItStillSaysDoesNotProlongThat) {
  say(client, large_post);
  moment.set(3 * second);
  connected();
  steps.when([&] { return moment.has_come(); }, [&] { say(client, "xxx"); });
  EXPECT_TRUE(is_about(run_to_goodbye(), 5 * second));
}

TEST_F(SessionEndTest, AClientThatEndsIsNotWaitedFor) {
  say(client, large_post);
  steps.when([this] { return hear(client, heard); }, [this] { half_close(); });
  EXPECT_EQ(run_to_goodbye(), 0U);
}

TEST_F(SessionEndTest, PipelinedRequestsBehindTheLastAreNotServed) {
  ask(client, "/last", true);
  ask(client, "/never");
  run_to_end();
  EXPECT_THAT(heard, EndsWith("\r\n\r\n/last"));
  EXPECT_EQ(journal.requests, 1);
}

// ---- The listener sends it away ----------------------------------------------------------------

TEST_F(SessionEndTest, ExpelledWithAnAnswer) {
  auto pause = add_pause();
  say(client, request);
  steps.when([&] { return pause->wakers.size() == 1; },
             [&] {
               listener->set_draining(true);
               (void)listener->go_on(true);
             });
  EXPECT_EQ(run_to_end(), 0U);
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(heard, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(journal.lines, ElementsAre("/ 503 drain_timeout"));
}

TEST_F(LargeAnswerEndTest, AnAnswerOnItsWayMayArriveFirst) {
  say(client, request);
  steps.when([this] { return journal.requests == 1; },
             [this] {
               listener->set_draining(true);
               (void)listener->go_on(true);
             });
  run_to_end();
  EXPECT_THAT(heard, EndsWith("xxx"));
  EXPECT_GT(heard.size(), 4'000'000U);
}

TEST_F(SessionEndTest, AnAnswerSaysThatTheListenerDrains) {
  auto pause = add_pause();
  say(client, request);
  steps.when([&] { return pause->wakers.size() == 1; },
             [&] {
               listener->set_draining(true);
               pause->wakers[0].fire();
             });
  EXPECT_EQ(run_to_end(), 0U);
  EXPECT_THAT(heard, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(journal.lines, ElementsAre("/ 200 -"));
}

}  // namespace
}  // namespace weir::proxy
