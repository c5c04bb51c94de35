// SPDX-License-Identifier: Apache-2.0
//
// Connections of HTTP/1.1 to a server on a real socket: answers whole, early, malformed and cut short; the pool; and time
// limits, by a clock that moves only while both sides wait.
#include "upstream/connection.h"

#include "upstream/connection_world.h"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::upstream {
namespace {

using http::Failure;
using test::is_about;

class ConnectionTest : public ConnectionWorld {};

// ---- Answers -----------------------------------------------------------------------------------

TEST_F(ConnectionTest, CarriesARequestAndItsAnswer) {
  begin(user_);
  run_until_done(user_);
  ASSERT_EQ(origin_.requests().size(), 1U);
  EXPECT_TRUE(origin_.requests()[0].starts_with("GET / HTTP/1.1\r\nHost: a\r\n"));
  EXPECT_EQ(user_.statuses, std::vector<std::uint16_t>{200});
  EXPECT_EQ(user_.answer, "ok");
  EXPECT_FALSE(user_.failure);
}

struct AnswerCase {
  const char* name;
  ScriptedOrigin::Answer pieces;  ///< then the server closes
  std::vector<std::uint16_t> statuses;
  std::string body;
  std::optional<Failure> failure;
};
class AnswerTest : public ConnectionTest, public testing::WithParamInterface<AnswerCase> {};

std::string interim(int count) {
  std::string all;
  while (count-- > 0) all += "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n";
  return all;
}

INSTANTIATE_TEST_SUITE_P(
    Answers, AnswerTest,
    testing::Values(
        AnswerCase{"InPieces",
                   {"HTTP/1.1 200 O", "K\r\nContent-Length: 4\r\n\r\nab", "cd"},
                   {200},
                   "abcd",
                   {}},
        AnswerCase{"UntilTheEnd", {"HTTP/1.0 200 OK\r\n\r\nall"}, {200}, "all", {}},
        AnswerCase{"Interim",
                   {"HTTP/1.1 100 Continue\r\n\r\n" + interim(1), ok},
                   {100, 103, 200},
                   "ok",
                   {}},
        AnswerCase{"NoByte", {}, {}, "", Failure::ServerClosed},
        AnswerCase{"NotHttp", {"SSH-2.0-OpenSSH_9.2\r\n\r\n"}, {}, "", Failure::ResponseSyntax},
        AnswerCase{"TwoLengths",
                   {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok"},
                   {},
                   "",
                   Failure::ResponseFraming},
        AnswerCase{"HalfAHead", {"HTTP/1.1 200 OK\r\nCont"}, {}, "", Failure::ResponseTruncated},
        AnswerCase{"HalfABody",
                   {"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"},
                   {200},
                   "half",
                   Failure::ResponseTruncated},
        AnswerCase{"BadChunk",
                   {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n"},
                   {200},
                   "ok",
                   Failure::ResponseFraming},
        AnswerCase{"NothingBehindInterim", {interim(1)}, {103}, "", Failure::ServerClosed}),
    [](const auto& answer) { return answer.param.name; });

TEST_P(AnswerTest, IsTold) {
  origin_.answer({GetParam().pieces});
  begin(user_);
  run_until_done(user_);
  EXPECT_EQ(user_.statuses, GetParam().statuses);
  EXPECT_EQ(user_.answer, GetParam().body);
  EXPECT_EQ(user_.ended, !GetParam().failure);
  ASSERT_EQ(user_.failure.has_value(), GetParam().failure.has_value());
  if (user_.failure) {
    EXPECT_EQ(http::traits(*user_.failure).name, http::traits(*GetParam().failure).name);
  }
}

TEST_F(ConnectionTest, DoesNotTakeInterimAnswersWithoutEnd) {
  origin_.answer({{interim(1000)}});
  origin_.stay_open();
  begin(user_);
  run_until_done(user_);
  EXPECT_EQ(user_.failure, Failure::ResponseInterimFlood);
}

TEST_F(ConnectionTest, AnAnswerMayComeBeforeTheRequestHasEnded) {
  origin_.stay_open();
  user_.head.framing = {BodyEnd::Length, 10};
  user_.ends = false;
  begin(user_);
  run_until_done(user_);
  EXPECT_EQ(user_.answer, "ok");
  EXPECT_FALSE(user_.failure);
  user_.side->give_back(false);
  EXPECT_EQ(server_->take_ready(false), nullptr) << "the server still waits for the body";
}

// ---- The pool ----------------------------------------------------------------------------------

TEST_F(ConnectionTest, IsUsedAgain) {
  origin_.stay_open();
  begin(user_);
  steps_.when([&] { return user_.is_done(); },
              [&] {
                EXPECT_FALSE(user_.side->is_reused());
                user_.side->give_back(true);
                next_.side = server_->take_ready(false);
                ASSERT_EQ(next_.side, user_.side);
                EXPECT_TRUE(next_.side->is_reused());
                next_.side->lease(next_, limits_);
                next_.write();
              });
  run_until_done(next_);
  EXPECT_EQ(next_.answer, "ok");
  EXPECT_EQ(server_->take_ready(false), nullptr);
}

struct Useless {
  const char* name;
  std::string answer;
  bool stays_open, reusable;
};
class PoolTest : public ConnectionTest, public testing::WithParamInterface<Useless> {};
INSTANTIATE_TEST_SUITE_P(Useless, PoolTest,
                         testing::Values(Useless{"Closed", ok, false, true},
                                         Useless{"Unwanted", ok, true, false},
                                         Useless{"MoreThanAsked", ok + "more", true, true}),
                         [](const auto& useless) { return useless.param.name; });

TEST_P(PoolTest, IsNotUsedAgain) {
  origin_.answer({{GetParam().answer}});
  origin_.stay_open(GetParam().stays_open);
  begin(user_);
  int turns = 0;
  steps_
      .when([&] { return user_.is_done() && origin_.has_delivered(); },
            [&] { user_.side->give_back(GetParam().reusable); })
      // That it has closed may be told a little later.
      .when([&] { return ++turns > 5; })
      .run();
  EXPECT_EQ(server_->take_ready(false), nullptr);
}

struct Intrusion {
  const char* name;
  void (*act)(ScriptedOrigin& origin);
};
class IdleTest : public ConnectionTest, public testing::WithParamInterface<Intrusion> {};
INSTANTIATE_TEST_SUITE_P(
    Intrusions, IdleTest,
    testing::Values(Intrusion{"End", [](ScriptedOrigin& origin) { origin.hang_up(); }},
                    Intrusion{"Bytes", [](ScriptedOrigin& origin) { origin.say("x"); }}),
    [](const auto& intrusion) { return intrusion.param.name; });

// In the pool anything that the server says makes a connection useless.
TEST_P(IdleTest, LeavesThePool) {
  origin_.stay_open();
  begin(user_);
  steps_
      .when([&] { return user_.is_done(); },
            [&] {
              user_.side->give_back(true);
              GetParam().act(origin_);
            })
      .when([&] { return origin_.ended() == 1; })
      .run();
  EXPECT_EQ(server_->take_ready(false), nullptr);
}

TEST_F(ConnectionTest, OneWithoutItsAnswerDoesNotGoToThePool) {
  origin_.answer({});
  begin(user_);
  steps_.when([&] { return origin_.requests().size() == 1; }, [&] { user_.side->give_back(true); })
      .when([&] { return origin_.ended() == 1; })
      .run();
  EXPECT_EQ(server_->take_ready(false), nullptr);
}

// The server closed it at the same moment: its user may ask another one.
TEST_F(ConnectionTest, OneThatDiesWhenItIsUsedAgainSaysSo) {
  origin_.answer({{ok}, {}});
  origin_.stay_open();
  begin(user_);
  steps_.when([&] { return user_.is_done(); },
              [&] {
                user_.side->give_back(true);
                origin_.stay_open(false);
                next_.side = server_->take_ready(false);
                ASSERT_TRUE(next_.side);
                next_.side->lease(next_, limits_);
                next_.write();
              });
  run_until_done(next_);
  EXPECT_EQ(next_.failure, Failure::ServerClosed);
}

TEST_F(ConnectionTest, OneThatNobodyUsesIsClosed) {
  origin_.stay_open();
  std::uint64_t begun = 0;
  begin(user_);
  steps_
      .when([&] { return user_.is_done(); },
            [&] {
              user_.side->give_back(true);
              begun = wait();
            })
      .when([&] { return origin_.ended() == 1; }, [&] { waits_ = false; })
      .run();
  EXPECT_GE(clock_.monotonic_us() - begun, 50 * second);
  EXPECT_EQ(server_->take_ready(false), nullptr);
}

// ---- Time limits -------------------------------------------------------------------------------

TEST_F(ConnectionTest, NobodyListens) {
  const net::Address at = origin_.address();
  origin_.close();
  begin(user_, at);
  run_until_done(user_);
  EXPECT_EQ(user_.failure, Failure::ConnectRefused);
}

TEST_F(ConnectionTest, TheFirstByteHasItsTime) {
  origin_.answer({});
  std::uint64_t begun = 0;
  begin(user_);
  steps_.when([&] { return origin_.requests().size() == 1; }, [&] { begun = wait(); });
  run_until_done(user_);
  EXPECT_EQ(user_.failure, Failure::FirstByteTimeout);
  EXPECT_TRUE(is_about(clock_.monotonic_us() - begun, 20 * second));
}

TEST_F(ConnectionTest, EachReadHasItsTime) {
  origin_.answer({{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}});
  origin_.stay_open();
  std::uint64_t begun = 0;
  begin(user_);
  steps_.when([&] { return user_.answer == "half"; }, [&] { begun = wait(); });
  run_until_done(user_);
  EXPECT_EQ(user_.failure, Failure::ReadTimeout);
  EXPECT_TRUE(is_about(clock_.monotonic_us() - begun, 30 * second));
}

TEST_F(ConnectionTest, WhatComesBeginsTheTimeAnew) {
  origin_.answer({{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}});
  origin_.stay_open();
  test::Moment moment(loop_);
  std::uint64_t begun = 0;
  begin(user_);
  steps_
      .when([&] { return user_.answer == "half"; },
            [&] {
              moment.set(20 * second);
              wait();
            })
      .when([&] { return moment.has_come(); },
            [&] {
              waits_ = false;
              origin_.say("more");
            })
      .when([&] { return user_.answer == "halfmore"; }, [&] { begun = wait(); });
  run_until_done(user_);
  EXPECT_EQ(user_.failure, Failure::ReadTimeout);
  EXPECT_TRUE(is_about(clock_.monotonic_us() - begun, 30 * second));
}

// Then the server is not to blame.
TEST_F(ConnectionTest, WhileNobodyWantsTheAnswerNoTimeIsUp) {
  origin_.answer({{"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"}});
  origin_.stay_open();
  test::Moment moment(loop_);
  begin(user_);
  steps_
      .when([&] { return user_.answer == "half"; },
            [&] {
              user_.wants = false;
              moment.set(1000 * second);
              wait();
            })
      .when([&] { return moment.has_come(); })
      .run();
  EXPECT_FALSE(user_.failure);
}

// The kernel takes some of it, since the connection is open, but nobody reads: looked at after an eighth of the limit,
// and after the limit.
TEST_F(ConnectionTest, SendingHasItsTime) {
  auto deaf = net::listen_on(ip4(), {.reuse_port = false, .defer_accept = false});
  ASSERT_TRUE(deaf);
  sockaddr_storage bound{};
  socklen_t size = sizeof(bound);
  ASSERT_EQ(::getsockname(deaf->get(), reinterpret_cast<sockaddr*>(&bound), &size), 0);
  user_.body = std::string(16'000'000, 'x');
  user_.head.framing = {BodyEnd::Length, user_.body.size()};
  user_.ends = false;
  begin(user_, net::Address::from(reinterpret_cast<sockaddr*>(&bound), size));
  std::uint64_t begun = 0;
  std::size_t unsent = 0;
  int quiet = 0;
  steps_.when(
      [&] {
        // The kernels move bytes on by themselves; both are done when nothing changes.
        if (!user_.side) return false;
        const std::size_t left = user_.side->wire().transport->queued();
        quiet = left > 0 && left == unsent ? quiet + 1 : 0;
        unsent = left;
        return quiet > 200;
      },
      [&] { begun = wait(); });
  run_until_done(user_);
  EXPECT_EQ(user_.failure, Failure::ServerSendTimeout);
  EXPECT_TRUE(is_about(clock_.monotonic_us() - begun, 45 * second, 2));
}

}  // namespace
}  // namespace weir::upstream
