// SPDX-License-Identifier: Apache-2.0
//
// Requests that filters make themselves: what a server gets of one and what is made of its answer, how each failure is told,
// and that a call which is given up leaves nothing, wherever it was.
#include "proxy/subcall.h"

#include "proxy/fleet.h"

#include <gmock/gmock.h>

#include <optional>

namespace weir::proxy {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

const std::string yes = "HTTP/1.1 200 OK\r\nX-User: 7\r\nContent-Length: 5\r\n\r\nhello";

struct SubcallTest : DispatchFleet, SubcallUser {
  SubcallTest() {
    asked.backend = 0;
    asked.method = "GET";
    asked.path = "/auth?x=1";
    asked.timeout_ms = 3000;
    asked.take = 100;
    origin.answer({{yes}});
    origin.stay_open();
  }
  ~SubcallTest() override { call.reset(); }

  void on_answered(Direction direction) override {
    EXPECT_EQ(direction, Direction::Response);
    ++answers;
  }
  void start(bool may_wait = true) {
    answers = 0;
    call.emplace(context, arena, &asking, static_cast<SubcallUser&>(*this), Direction::Response,
                 asked);
    call->start(may_wait);
  }
  /// Asks, and waits for what comes of it.
  const SubAnswer& answer() {
    start();
    until([this] { return answers > 0; });
    turn(2);
    EXPECT_EQ(answers, 1);
    return call->answer();
  }
  void expect_failure(std::string_view failure) {
    EXPECT_EQ(call->answer().failure, failure);
    EXPECT_EQ(call->answer().status, 0);
    EXPECT_EQ(call->answer().body, "");
    expect_nothing_left();
    EXPECT_EQ(answers, 1);
  }

  Subrequest asked;
  Arena arena;
  test::FakeClient& asking = client();
  std::optional<Subcall> call;
  int answers = 0;
};

// ---- What is asked and answered ----------------------------------------------------------------

TEST_F(SubcallTest, GetsAnAnswer) {
  const Field fields[] = {{"X-Token", "secret"}};
  asked.fields = fields;
  const SubAnswer& got = answer();
  EXPECT_EQ(got.failure, "");
  EXPECT_EQ(got.status, 200);
  EXPECT_EQ(got.body, "hello");
  EXPECT_FALSE(got.is_cut);
  ASSERT_TRUE(got.fields);
  ASSERT_TRUE(got.fields->find("x-user"));
  EXPECT_EQ(got.fields->find("x-user")->value, "7");
  ASSERT_EQ(origin.requests().size(), 1U);
  EXPECT_THAT(origin.requests()[0], StartsWith("GET /auth?x=1 HTTP/1.1\r\n"));
  EXPECT_THAT(origin.requests()[0], HasSubstr("Host: api\r\n"));
  EXPECT_THAT(origin.requests()[0], HasSubstr("X-Token: secret\r\n"));
  expect_nothing_left();
}

// Filters may make them of what clients send.
TEST_F(SubcallTest, IsNotSentIfItIsNoRequest) {
  const Field good{"X-Name", "value"}, bad_name{"X Name", "value"}, no_name{"", "value"};
  const Field bad_value{"X-Name", "a\r\nEvil: 1"}, cut_value{"X-Name", std::string_view("a\0", 2)};
  struct Case {
    std::string_view method, path;
    Field field;
  };
  const Case cases[] = {
      {"GET", "/x HTTP/1.1\r\nEvil: 1", good},
      {"GET", "/x y", good},
      {"GET", "x", good},
      {"GET", "", good},
      {"GET", "/a#b", good},
      {"GET", "http://other/", good},
      {"GE T", "/", good},
      {"", "/", good},
      {"GET", "/", bad_name},
      {"GET", "/", no_name},
      {"GET", "/", bad_value},
      {"GET", "/", cut_value},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.path);
    asked.method = each.method;
    asked.path = each.path;
    asked.fields = {&each.field, 1};
    (void)answer();
    expect_failure("request_syntax");
  }
  EXPECT_TRUE(origin.requests().empty());
}

TEST_F(SubcallTest, SendsItsBody) {
  asked.method = "POST";
  asked.body = "question\r\n\r\n";
  EXPECT_EQ(answer().status, 200);
  EXPECT_THAT(origin.requests()[0], HasSubstr("Content-Length: 12\r\n"));
  EXPECT_THAT(origin.requests()[0], EndsWith("\r\n\r\nquestion\r\n\r\n"));
}

TEST_F(SubcallTest, TakesAsMuchOfTheBodyAsWasWanted) {
  for (const std::uint32_t take : {0u, 4u, 5u}) {
    asked.take = take;
    const SubAnswer& got = answer();
    EXPECT_EQ(got.body, std::string_view("hello").substr(0, take));
    EXPECT_EQ(got.is_cut, take < 5);
  }
  // All of it was read, so that the connection is good for the next one.
  EXPECT_EQ(journal.connects, 3);
  EXPECT_EQ(origin.ended(), 0U);
}

TEST_F(SubcallTest, InterimAnswersAreNone) {
  origin.answer({{"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", yes}});
  EXPECT_EQ(answer().status, 200);
}

TEST_F(SubcallTest, AnyStatusIsAnAnswer) {
  origin.answer({{"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"}});
  EXPECT_EQ(answer().status, 503);
  EXPECT_EQ(call->answer().failure, "");
}

// ---- Failures ----------------------------------------------------------------------------------

struct BadAnswer {
  const char* name;
  const char* answer;
  const char* failure;
};
struct FailsByAnswer : SubcallTest, testing::WithParamInterface<BadAnswer> {};
INSTANTIATE_TEST_SUITE_P(
    Answers, FailsByAnswer,
    testing::Values(BadAnswer{"None", "", "server_closed"},
                    BadAnswer{"NotHttp", "SSH-2.0\r\n\r\n", "response_syntax"},
                    BadAnswer{"Cut", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello",
                              "response_truncated"},
                    BadAnswer{"BadChunk",
                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
                              "response_framing"},
                    BadAnswer{"Upgrade",
                              "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
                              "upgrade_refused"}),
    [](const auto& each) { return each.param.name; });

TEST_P(FailsByAnswer, AndNothingOfItCounts) {
  origin.answer({{GetParam().answer}});
  origin.stay_open(false);
  (void)answer();
  expect_failure(GetParam().failure);
}

TEST_F(SubcallTest, OfABackendThatIsNone) {
  asked.backend = 99;
  start();
  expect_failure("no_server");
}

TEST_F(SubcallTest, WithoutAServer) {
  serve(0, shm::Use::Down);
  start();
  expect_failure("no_server");
}

TEST_F(SubcallTest, WithoutAListener) {
  origin.close();
  (void)answer();
  expect_failure("connect_refused");
}

TEST_F(SubcallTest, InItsTime) {
  pass_time();
  struct Case {
    const char* what;
    std::function<void()> prepare;
  };
  const Case cases[] = {
      {"connecting", [this] { put(0, silent.address()); }},
      {"awaiting",
       [this] {
         serve();
         origin.answer({});
       }},
      {"reading",
       [this] { origin.answer({{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"}}); }},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.what);
    each.prepare();
    const std::uint64_t begun = clock.monotonic_us();
    (void)answer();
    EXPECT_TRUE(test::is_about(clock.monotonic_us() - begun, 3 * second));
    EXPECT_THAT(std::string(call->answer().failure), EndsWith("_timeout"));
    expect_failure(call->answer().failure);
  }
}

TEST_F(SubcallTest, ItsConnectionIsKeptAsLongAsTheBackendSays) {
  configure([](upstream::BackendPolicy& policy) { policy.timeouts.idle = 5 * second; });
  EXPECT_EQ(answer().status, 200);
  EXPECT_EQ(origin.ended(), 0U);
  pass_time();
  const std::uint64_t begun = clock.monotonic_us();
  until([this] { return origin.ended() > 0; });
  EXPECT_TRUE(test::is_about(clock.monotonic_us() - begun, 5 * second));
}

// ---- Waiting for a server ----------------------------------------------------------------------

struct BusyServer : SubcallTest {
  /// A request that has the only place.
  BusyServer() {
    serve(1);
    origin.answer({});
    holder.ask();
    until_phase(holder, "await");
  }
  test::FakeClient& holder = client();
};

TEST_F(BusyServer, IsWaitedFor) {
  start();
  EXPECT_EQ(shared.queues.sum(0), 1U);
  origin.answer({{yes}});
  holder.its().fail(http::Failure::ClientGone);
  until([this] { return answers > 0; });
  EXPECT_EQ(call->answer().status, 200);
  expect_nothing_left();
}

TEST_F(BusyServer, IsNotByOneThatWouldWaitForItself) {
  start(false);
  EXPECT_EQ(call->answer().failure, "queue_full");
  EXPECT_EQ(shared.queues.sum(0), 0U);
  EXPECT_EQ(answers, 1);
}

TEST_F(BusyServer, IsNotIfTooManyWait) {
  configure([](upstream::BackendPolicy& policy) { policy.config.max_queue = 0; });
  start();
  EXPECT_EQ(call->answer().failure, "queue_full");
}

TEST_F(BusyServer, IsNotWaitedForTooLong) {
  pass_time();
  (void)answer();
  EXPECT_NE(call->answer().failure, "");
  EXPECT_EQ(shared.queues.sum(0), 0U);
  EXPECT_EQ(in_flight(), 1U);
}

TEST_F(BusyServer, GoesAwayMeanwhile) {
  start();
  put(0, origin.address(), 1, shm::Use::Down);
  until([this] { return answers > 0; });
  EXPECT_EQ(call->answer().failure, "no_server");
}

TEST_F(BusyServer, WhoIsGivenUpWaitsNoMore) {
  start();
  holder.its().fail(http::Failure::ClientGone);  // its turn is about to come
  call.reset();
  expect_nothing_left();
  EXPECT_EQ(answers, 0);
}

// ---- Given up ----------------------------------------------------------------------------------

TEST_F(SubcallTest, GivenUpItLeavesNothing) {
  struct Case {
    const char* where;
    std::function<void()> come_there;
  };
  const Case cases[] = {
      {"connecting",
       [this] {
         put(0, silent.address());
         start();
       }},
      {"about to be connected",
       [this] {
         serve();
         start();
       }},
      {"awaiting",
       [this] {
         origin.answer({});
         start();
         until([this] { return origin.requests().size() == 1; });
       }},
      {"inside of the answer",
       [this] {
         origin.answer({{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"}});
         start();
         until([this] { return call->answer().status == 200; });
       }},
  };
  for (const Case& each : cases) {
    SCOPED_TRACE(each.where);
    each.come_there();
    EXPECT_EQ(in_flight(), 1U);
    call.reset();
    expect_nothing_left();
    clock.advance(10 * second);
    turn(4);
    EXPECT_EQ(answers, 0);
  }
  // Nobody may use a connection again on which an answer is outstanding.
  origin.answer({{yes}});
  EXPECT_EQ(answer().status, 200);
}

TEST_F(SubcallTest, ADirectAnswerTwiceIsNotTold) {
  origin.answer({{yes + "and more"}});
  EXPECT_EQ(answer().status, 200);
  origin.hang_up();
  turn(8);
  EXPECT_EQ(answers, 1);
}

}  // namespace
}  // namespace weir::proxy
