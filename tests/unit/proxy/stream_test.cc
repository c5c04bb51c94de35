// SPDX-License-Identifier: Apache-2.0
//
// Stream: each way through the phases, each failure at each of them, and clients that leave: what the client sees, that the
// server's slot is given back, and that the request is counted once.
#include "proxy/heart.h"

#include <gmock/gmock.h>

namespace weir::proxy {
namespace {

using testing::HasSubstr;

using upstream::ScriptedOrigin;

const std::string fine = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";

struct StreamTest : Heart {
  void expect_over(test::FakeClient& client, std::string_view failure) {
    client.its().log();
    EXPECT_EQ(http::traits(client.its().record().failure).name,
              failure.empty() ? http::traits(http::Failure::None).name : failure);
    EXPECT_EQ(in_flight(), 0U);
    EXPECT_EQ(journal.requests, 1);
    EXPECT_EQ(client.its().phase_name(), "finish");
  }
};

TEST_F(StreamTest, AnAnswerComesThrough) {
  origin.answer({{fine}});
  origin.stay_open();
  auto& one = client();
  one.ask("GET", "/a");
  EXPECT_EQ(one.its().phase_name(), "connect");
  until_phase(one, "await");
  EXPECT_EQ(in_flight(), 1U);
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.body, "hello");
  EXPECT_THAT(one.head, HasSubstr("Date: "));
  EXPECT_TRUE(one.is_ended);
  EXPECT_EQ(one.finished, true);
  expect_over(one, "");
  EXPECT_THAT(origin.requests().at(0), HasSubstr("GET /a HTTP/1.1\r\n"));
}

TEST_F(StreamTest, OneThatHasNoServer) {
  serve(0, shm::Use::Down);
  auto& one = client();
  one.ask();
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(one.finished, true);
  expect_over(one, "no_server");
}

TEST_F(StreamTest, NobodyListens) {
  origin.close();
  auto& one = client();
  one.ask();
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.status, 502);
  expect_over(one, "connect_refused");
}

TEST_F(StreamTest, AServerThatClosesIsNotAskedAgain) {
  origin.answer({{""}});
  auto& one = client();
  one.ask();
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.status, 502);
  EXPECT_EQ(origin.requests().size(), 1U);
  expect_over(one, "server_closed");
}

TEST_F(StreamTest, AStaleConnectionIs) {
  origin.answer({{fine}});
  origin.stay_open();
  auto& first = client();
  first.ask();
  until([&] { return first.is_over(); });
  first.its().log();
  origin.answer({{""}, {fine}});
  origin.on_request = [&] { origin.stay_open(origin.requests().size() == 3); };
  auto& second = client();
  second.ask();
  until([&] { return second.is_over(); });
  EXPECT_EQ(second.status, 200);
  EXPECT_EQ(second.its().record().attempts, 2U);
  EXPECT_FALSE(second.its().record().retry_reason.empty());
  EXPECT_EQ(in_flight(), 0U);
}

TEST_F(StreamTest, ABodyIsSentAsItComes) {
  origin.answer({{fine}});
  auto& one = client();
  one.ask_with_body("POST", 6);
  until_phase(one, "send");
  EXPECT_GT(one.resumed, 0);
  EXPECT_TRUE(one.its().wants_body());
  one.say("abc");
  one.say("def");
  one.its().on_end(Headers());
  EXPECT_EQ(one.its().phase_name(), "await");
}

TEST_F(StreamTest, OneThatIsTooLong) {
  policy().max_body = 4;
  auto& one = client();
  one.ask_with_body("POST", 6);
  EXPECT_EQ(one.status, 413);
  EXPECT_EQ(one.finished, false);
  expect_over(one, "request_body_too_large");
}

TEST_F(StreamTest, AnEarlyAnswerIsNotFollowedByARequest) {
  origin.answer({{fine}});
  auto& one = client();
  one.ask_with_body("POST", 1'000'000);
  until_phase(one, "send");
  one.say("part");
  // The scripted origin answers once it has a blank line.
  one.say("\r\n\r\n");
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.finished, false);
  expect_over(one, "");
}

TEST_F(StreamTest, WhatFollowsToAnAnswerOfOurOwnIsThrownAwayIfItIsShort) {
  serve(0, shm::Use::Down);
  auto& one = client();
  one.ask_with_body("POST", 100);
  EXPECT_EQ(one.status, 503);
  EXPECT_FALSE(one.finished);
  EXPECT_TRUE(one.its().wants_body());
  one.say(std::string(100, 'x'));
  one.its().on_end(Headers());
  EXPECT_EQ(one.finished, true);
  EXPECT_EQ(one.its().record().content_in, 100U);
}

TEST_F(StreamTest, IfItDoesNotComeInTimeTheAnswerStaysWhatItIs) {
  for (const auto failure : {http::Failure::RequestBodyTimeout, http::Failure::RequestTimeout,
                             http::Failure::DrainTimeout, http::Failure::RequestSyntax}) {
    serve(0, shm::Use::Down);
    journal.requests = 0;
    auto& one = client();
    one.ask_with_body("POST", 100);
    EXPECT_FALSE(one.finished);
    one.its().fail(failure);
    EXPECT_EQ(one.finished, false);
    EXPECT_FALSE(one.is_aborted);
    expect_over(one, "no_server");
  }
}

TEST_F(StreamTest, InterimAnswersGoFirst) {
  origin.answer({{"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", fine}});
  auto& one = client();
  one.ask();
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.interim, std::vector<std::uint16_t>{103});
  EXPECT_EQ(one.status, 200);
}

TEST_F(StreamTest, ASlowClientHoldsTheAnswerUp) {
  origin.answer({{fine}});
  origin.stay_open();
  auto& one = client();
  one.has_room_now = false;
  one.ask();
  until_phase(one, "relay");
  until([&] { return origin.has_delivered(); });
  EXPECT_EQ(one.body, "");
  one.has_room_now = true;
  one.its().on_client_sent();
  EXPECT_EQ(one.body, "") << "nobody is called from inside";
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.body, "hello");
  EXPECT_EQ(one.finished, true);
}

TEST_F(StreamTest, AnAnswerThatBreaksOffIsNotTakenForWhole) {
  origin.answer({{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"}});
  auto& one = client();
  one.ask();
  until([&] { return one.is_over(); });
  EXPECT_TRUE(one.is_aborted);
  EXPECT_FALSE(one.is_ended);
  expect_over(one, "response_truncated");
}

TEST_F(StreamTest, AsLongAsNothingHasLeftItIsReplaced) {
  origin.answer({{"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"}});
  auto& one = client();
  one.may_take_back = true;
  one.ask();
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.status, 502);
  EXPECT_EQ(one.its().record().bytes_out, one.body.size() + 1);
  expect_over(one, "response_truncated");
}

TEST_F(StreamTest, ACallEndsWithAStatus) {
  origin.answer({{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n"}});
  auto& one = client();
  RequestHead& call = one.request("POST", "/s/m");
  call.protocol = Protocol::Http2;
  call.headers.add(one.its().arena(), "content-type", "application/grpc");
  one.its().on_head(call);
  one.its().on_end(Headers());
  until([&] { return one.is_over(); });
  EXPECT_FALSE(one.is_aborted);
  EXPECT_THAT(one.trailers, HasSubstr("grpc-status: 14|"));
  expect_over(one, "response_truncated");
}

// ---- Waiting for a server ----------------------------------------------------------------------

TEST_F(StreamTest, TheQueueIsServedInOrder) {
  serve(1);
  origin.answer({{fine}});
  std::vector<test::FakeClient*> all{&client(), &client(), &client()};
  for (test::FakeClient* one : all) one->ask();
  EXPECT_EQ(all[1]->its().phase_name(), "choose");
  until([&] { return all[1]->is_over(); });
  EXPECT_TRUE(all[0]->is_over());
  EXPECT_FALSE(all[2]->is_over());
  until([&] { return all[2]->is_over(); });
  for (test::FakeClient* one : all) EXPECT_EQ(one->status, 200);
  EXPECT_EQ(in_flight(), 0U);
}

TEST_F(StreamTest, WhoHasWaitedTooLongIsToldSo) {
  serve(1);
  policy().queue = 1'000'000;
  auto &first = client(), &second = client();
  first.ask();
  second.ask();
  until_phase(first, "await");
  clock.advance(1'100'000);
  until([&] { return second.is_over(); });
  EXPECT_EQ(second.status, 503);
  EXPECT_EQ(second.its().record().failure, http::Failure::QueueTimeout);
  EXPECT_EQ(in_flight(), 1U);
}

// ---- Clients that leave ------------------------------------------------------------------------

TEST_F(StreamTest, AClientThatLeavesWhileItWaitsForAServer) {
  serve(1);
  auto& first = client();
  first.ask();
  auto& one = client();
  one.ask();
  one.its().fail(http::Failure::ClientGone);
  EXPECT_TRUE(one.is_aborted);
  EXPECT_EQ(one.its().record().status, 499);
  first.its().fail(http::Failure::ClientGone);
  EXPECT_EQ(in_flight(), 0U);
  EXPECT_EQ(journal.requests, 2);
}

TEST_F(StreamTest, AtEachOtherPhase) {
  for (const std::string phase : {"connect", "send", "await", "relay"}) {
    SCOPED_TRACE(phase);
    journal.requests = 0;
    origin.answer(phase == "relay" ? std::deque<ScriptedOrigin::Answer>{{fine + "more"}}
                                   : std::deque<ScriptedOrigin::Answer>{});
    auto& one = client();
    one.has_room_now = false;
    phase == "send" ? one.ask_with_body("POST", 3) : one.ask();
    until_phase(one, phase);
    EXPECT_EQ(in_flight(), 1U);
    one.its().fail(http::Failure::ClientGone);
    EXPECT_TRUE(one.is_aborted);
    EXPECT_EQ(one.its().record().status, 499);
    expect_over(one, "client_gone");
  }
}

TEST_F(StreamTest, BeforeItsHeadIsComplete) {
  auto& one = client();
  one.its().fail(http::Failure::ClientGone);
  EXPECT_TRUE(one.is_aborted);
  expect_over(one, "client_gone");
}

TEST_F(StreamTest, AHeadThatNobodyUnderstands) {
  auto& one = client();
  one.its().fail(http::Failure::RequestSyntax);
  EXPECT_EQ(one.status, 400);
  EXPECT_EQ(one.finished, false);
  expect_over(one, "request_syntax");
}

TEST_F(StreamTest, ATimeLimitOfTheRequestIsAnAnswer) {
  auto& one = client();
  one.ask_with_body("POST", 10);
  until_phase(one, "send");
  one.its().fail(http::Failure::RequestBodyTimeout);
  EXPECT_EQ(one.status, 408);
  expect_over(one, "request_body_timeout");
}

}  // namespace
}  // namespace weir::proxy
