// SPDX-License-Identifier: Apache-2.0
//
// Connections of HTTP/1.1 clients: requests one after the other, time limits, clients that leave, and how a connection
// ends without taking an answer with it.
#include "proxy/session.h"

#include "proxy/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {
namespace {

using namespace std::chrono_literals;
using test::is_about;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view post = "POST /post HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";

using SessionTest = OneClient;

// ---- One request after the other ---------------------------------------------------------------

// More than are served in one iteration of the loop.
TEST_F(SessionTest, AnswersEveryPipelinedRequest) {
  std::string expected;
  for (int i = 0; i < 40; ++i) ask(client, "/" + std::to_string(i), i == 39);
  run_to_end();
  EXPECT_EQ(journal.requests, 40);
  for (std::size_t i = 0, at = 0; i < 40; ++i) {
    at = heard.find("\r\n\r\n/" + std::to_string(i), at);
    ASSERT_NE(at, std::string::npos) << i;
  }
}

TEST_F(SessionTest, ServesARequestThatComesByteByByte) {
  const std::string request = "GET /slow HTTP/1.1\r\nHost: a\r\n\r\n";
  std::size_t sent = 0;
  time.pass_while([] { return false; });
  steps
      .when([&] {
        say(client, request.substr(sent, 1));
        return ++sent == request.size();
      })
      .when([&] { return has_heard("/slow"); })
      .run();
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 200 "));
}

TEST_F(SessionTest, BeginsARequestWhenTheOneBeforeIsAnswered) {
  auto pause = add_pause();
  ask(client, "/1");
  ask(client, "/2", true);
  moment.set(second);
  steps.when([&] { return moment.has_come(); },
             [&] {
               ASSERT_EQ(pause->wakers.size(), 1U);
               EXPECT_EQ(heard, "");
               pause->wakers[0].fire();
             });
  steps.when([&] { return pause->wakers.size() == 2; },
             [&] {
               EXPECT_TRUE(has_heard("/1"));
               pause->wakers[1].fire();
             });
  run_to_end();
  EXPECT_THAT(heard, EndsWith("/2"));
}

TEST_F(SessionTest, ReadsPastTheBodyOfAnAnsweredRequest) {
  say(client, post);
  say(client, "0123456789");
  ask(client, "/next", true);
  run_to_end();
  EXPECT_THAT(heard, HasSubstr("\r\n\r\n/post"));
  EXPECT_THAT(heard, EndsWith("/next"));
}

TEST_F(SessionTest, RefusesWhatFollowsAGoodRequest) {
  ask(client, "/good");
  say(client, "GET\r\n\r\n");
  ask(client, "/never seen");
  run_to_end();
  EXPECT_THAT(heard, HasSubstr("\r\n\r\n/good"));
  EXPECT_THAT(journal.lines, ElementsAre("/good 200 -", "- 400 request_syntax"));
}

// HTTP/2 begins with a connection or never.
TEST_F(SessionTest, RefusesThePrefaceOfHttp2BehindARequest) {
  ask(client, "/");
  say(client, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
  run_to_end();
  EXPECT_EQ(journal.http2, 0);
  EXPECT_THAT(heard, HasSubstr("HTTP/1.1 505 "));
}

struct Refusal {
  const char* request;
  const char* line;
};
struct RefusedTest : SessionTest, testing::WithParamInterface<Refusal> {};
INSTANTIATE_TEST_SUITE_P(
    Heads, RefusedTest,
    testing::Values(
        Refusal{"GET / HTTP/1.1\r\n\r\n", "- 400 request_host"},
        Refusal{"GET / HTTP/3.0\r\nHost: a\r\n\r\n", "- 505 request_version"},
        Refusal{"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
                "- 400 request_framing"},
        Refusal{"GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
                "- 400 request_framing"},
        Refusal{"GET / HTTP/1.1\r\nHost: a\r\nExpect: more\r\n\r\n", "/ 417 request_expectation"},
        Refusal{"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "- 405 method_not_allowed"}));

TEST_P(RefusedTest, GetsAnAnswerAndTheEnd) {
  say(client, GetParam().request);
  ask(client, "/never");
  run_to_end();
  EXPECT_THAT(heard, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_THAT(journal.lines, ElementsAre(GetParam().line));
}

// ---- Keeping the connection --------------------------------------------------------------------

struct Closing {
  const char* request;
  bool closes;
};
struct KeepTest : SessionTest, testing::WithParamInterface<Closing> {};
INSTANTIATE_TEST_SUITE_P(
    Versions, KeepTest,
    testing::Values(Closing{"GET / HTTP/1.1\r\nHost: a\r\n\r\n", false},
                    Closing{"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", true},
                    Closing{"GET / HTTP/1.1\r\nHost: a\r\nConnection: Close, x\r\n\r\n", true},
                    Closing{"GET / HTTP/1.0\r\nHost: a\r\n\r\n", true},
                    Closing{"GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n", false}));

TEST_P(KeepTest, AsTheRequestSays) {
  say(client, GetParam().request);
  const std::uint64_t took = run_to_end();
  EXPECT_EQ(heard.find("Connection: close") != std::string::npos, GetParam().closes);
  if (GetParam().closes) {
    EXPECT_EQ(took, 0U);
  } else {
    EXPECT_TRUE(is_about(took, 30 * second));
  }
}

struct FewRequestsTest : SessionTest {
  static config::Config few() {
    config::Config config = limited();
    config.listeners[0].max_requests = 2;
    return config;
  }
  FewRequestsTest() : SessionTest(few()) {}
};

TEST_F(FewRequestsTest, ClosesBehindTheLastOne) {
  for (const char* path : {"/1", "/2", "/3"}) ask(client, path);
  run_to_end();
  EXPECT_THAT(heard, EndsWith("/2"));
  EXPECT_EQ(heard.find("Connection: close"), heard.rfind("Connection: close"));
  EXPECT_EQ(journal.requests, 2);
}

struct LifetimeTest : SessionTest {
  static config::Config brief() {
    config::Config config = limited();
    config.listeners[0].max_lifetime = 5s;
    return config;
  }
  LifetimeTest() : SessionTest(brief()) {}
};

TEST_F(LifetimeTest, ClosesBehindTheFirstAnswerAfterIt) {
  ask(client, "/1");
  steps.when([&] { return has_heard("/1"); }, [&] { moment.set(5 * second); })
      .when([&] { return moment.has_come(); }, [&] { ask(client, "/2"); });
  run_to_end();
  EXPECT_THAT(heard, EndsWith("/2"));
  EXPECT_EQ(heard.find("Connection: close"), heard.rfind("Connection: close"));
  EXPECT_THAT(heard, HasSubstr("Connection: close"));
}

// ---- Time limits -------------------------------------------------------------------------------

TEST_F(SessionTest, WhoSaysNothingIsClosedWithoutAWord) {
  EXPECT_TRUE(is_about(run_to_end(), 30 * second));
  EXPECT_EQ(heard, "");
  EXPECT_THAT(journal.lines, IsEmpty());
  EXPECT_EQ(journal.connections, 0);
}

TEST_F(SessionTest, IdleTimeBeginsWithTheAnswer) {
  moment.set(25 * second);
  steps.when([&] { return moment.has_come(); }, [&] { ask(client, "/"); });
  EXPECT_TRUE(is_about(run_to_end(), 55 * second, 2));
  EXPECT_THAT(heard, EndsWith("\r\n\r\n/"));
}

// Bytes that trickle in do not prolong it.
TEST_F(SessionTest, AHeadHasItsTimeFromItsFirstByteOn) {
  say(client, "GET / HTTP/1.1\r\n");
  moment.set(4 * second);
  for (int i = 0; i < 2; ++i)
    steps.when([&] { return moment.has_come(); },
               [&] {
                 say(client, "X");
                 moment.set(4 * second);
               });
  EXPECT_TRUE(is_about(run_to_end(), 10 * second));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(heard, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(journal.lines, ElementsAre("- 408 request_header_timeout"));
}

// Of a body each byte begins it anew.
TEST_F(SessionTest, ABodyHasItsTimeFromItsLastByteOn) {
  add_filter(std::make_shared<PatientFilter>());
  say(client, post);
  moment.set(15 * second);
  for (int i = 0; i < 2; ++i)
    steps.when([&] { return moment.has_come(); },
               [&] {
                 say(client, "x");
                 moment.set(15 * second);
               });
  EXPECT_TRUE(is_about(run_to_end(), 50 * second, 3));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(journal.lines, ElementsAre("/post 408 request_body_timeout"));
}

// The answer is complete, only the next request cannot follow.
TEST_F(SessionTest, TheBodyOfAnAnsweredRequestHasItsTimeToo) {
  say(client, post);
  EXPECT_TRUE(is_about(run_to_end(), 20 * second));
  EXPECT_THAT(heard, EndsWith("\r\n\r\n/post"));
  EXPECT_EQ(journal.requests, 1);
  EXPECT_THAT(journal.lines, ElementsAre("/post 200 request_body_timeout"));
}

struct WholeTimeTest : SessionTest {
  static config::Config limited_whole() {
    config::Config config = limited();
    config.listeners[0].limits.request = 7s;
    return config;
  }
  WholeTimeTest() : SessionTest(limited_whole()) {}
};

TEST_F(WholeTimeTest, BoundsTheWaitForAnAnswer) {
  add_pause();
  ask(client, "/");
  const std::uint64_t begun = clock.monotonic_us();
  steps.when([&] { return has_heard("</html>\n"); },
             [&] { EXPECT_TRUE(is_about(loop.read_clock() - begun, 7 * second)); });
  run_to_end();
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 504 "));
  EXPECT_THAT(journal.lines, ElementsAre("/ 504 request_timeout"));
}

// The answer is the last of the connection, which lingers: waiting for the rest would end in a reset at once.
TEST_F(WholeTimeTest, BoundsTheBody) {
  add_filter(std::make_shared<PatientFilter>());
  say(client, post);
  moment.set(5 * second);
  steps.when([&] { return moment.has_come(); }, [&] { say(client, "x"); });
  EXPECT_TRUE(is_about(run_to_end(), 7 * second));
  EXPECT_THAT(heard, StartsWith("HTTP/1.1 504 "));
  EXPECT_THAT(heard, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(heard, EndsWith("</html>\n"));
  EXPECT_THAT(journal.lines, ElementsAre("/post 504 request_timeout"));
}

struct LargeAnswerTest : SessionTest {
  static constexpr std::size_t size = 4'000'000;  // more than sockets hold
  LargeAnswerTest() : SessionTest(limited(std::string(size, 'x'))) {}
};

TEST_F(LargeAnswerTest, ArrivesWhole) {
  ask(client, "/", true);
  run_to_end();
  EXPECT_THAT(heard, EndsWith(std::string(size, 'x')));
  EXPECT_THAT(journal.lines, ElementsAre("/ 200 -"));
}

// Whether it takes anything is looked at twice, an eighth of the limit after the last byte and a whole one later.
TEST_F(LargeAnswerTest, WhoTakesNothingOfItIsCutOff) {
  ask(client, "/");
  steps.when([&] { return journal.connections == 1; });
  steps.when([&] { return journal.connections == 0; });
  const std::uint64_t begun = clock.monotonic_us();
  steps.run();
  EXPECT_TRUE(is_about(clock.monotonic_us() - begun, 45 * second, 2));
  EXPECT_TRUE(hear(client, heard));
  EXPECT_LT(heard.size(), size);
}

// Less than a socket tells its sender of, in each limit.
TEST_F(LargeAnswerTest, WhoTakesALittleIsNotCutOff) {
  ask(client, "/", true);
  moment.set(30 * second);
  for (int i = 0; i < 10; ++i)
    steps.when([&] { return moment.has_come(); },
               [&] {
                 char some[40'000];
                 const ssize_t count = ::recv(client.get(), some, sizeof(some), MSG_DONTWAIT);
                 ASSERT_GT(count, 0);
                 heard.append(some, static_cast<std::size_t>(count));
                 moment.set(30 * second);
               });
  run_to_end();
  EXPECT_THAT(heard, EndsWith(std::string(size, 'x')));
  EXPECT_THAT(journal.lines, ElementsAre("/ 200 -"));
}

}  // namespace
}  // namespace weir::proxy
