// SPDX-License-Identifier: Apache-2.0
//
// Filters of a stream: where they may wait and answer, what they get of bodies, and that each hears of the end exactly once,
// whatever becomes of the request meanwhile.
#include "proxy/heart.h"

#include <gmock/gmock.h>

#include <algorithm>

namespace weir::proxy {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string fine = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const std::string part =
    "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-4/9\r\nContent-Length: 5\r\n\r\nhello";

Verdict shout(StreamView&, BodyPiece& piece) {
  std::string loud(piece.bytes().begin(), piece.bytes().end());
  std::transform(loud.begin(), loud.end(), loud.begin(), ::toupper);
  piece.write(loud);
  return Verdict::Continue;
}

struct StreamFilters : Heart {
  void SetUp() override { origin.stay_open(); }

  /// Asks, and waits for the end of the answer.
  test::FakeClient& answered() {
    auto& one = client();
    one.ask();
    until([&] { return one.is_over(); });
    one.its().log();
    return one;
  }
  /// A filter that waits for a signal in its first callback of that direction.
  ScriptedFilter& waits_in(Direction direction) {
    is_waiting = false;
    auto& made = filter(
        {.request = direction == Direction::Request, .response = direction == Direction::Response});
    const auto wait = [this](StreamView& stream) {
      waker = stream.signal();
      is_waiting = true;
      return Verdict::Suspend;
    };
    (direction == Direction::Request ? made.request : made.response) = wait;
    return made;
  }
  void expect_over(const ScriptedFilter& filter) {
    turn(2);
    EXPECT_EQ(filter.finished, 1);
    EXPECT_EQ(in_flight(), 0U);
  }

  Waker waker;
  bool is_waiting = false;
};

TEST_F(StreamFilters, AnAnswerIsChanged) {
  origin.answer({{fine}});
  auto& changes = filter({.response_body = Body::Transform});
  changes.response_body = shout;
  EXPECT_EQ(answered().body, "HELLO");
  expect_over(changes);
}

TEST_F(StreamFilters, APartOfSomethingIsNot) {
  origin.answer({{part}});
  auto& changes = filter({.response_body = Body::Transform});
  changes.response_body = shout;
  const auto& one = answered();
  EXPECT_EQ(one.body, "hello");
  EXPECT_EQ(one.framing.end, BodyEnd::Length);
  EXPECT_EQ(one.framing.length, 5U);
}

TEST_F(StreamFilters, NorDoesALengthCountThatAFilterHasSetForIt) {
  origin.answer({{part}});
  auto& changes = filter({.response = true, .response_body = Body::Transform});
  changes.response = [](StreamView& stream) {
    stream.set_length(99);
    return Verdict::Continue;
  };
  const auto& one = answered();
  EXPECT_EQ(one.framing.length, 5U);
  EXPECT_EQ(one.body, "hello");
}

TEST_F(StreamFilters, UnlessTheFilterKnowsParts) {
  origin.answer({{part}});
  auto& changes = filter({.response_body = Body::Transform, .ranges = true});
  changes.response_body = shout;
  const auto& one = answered();
  EXPECT_EQ(one.body, "HELLO");
  EXPECT_EQ(one.framing.end, BodyEnd::Chunked);
}

TEST_F(StreamFilters, AWholeAnswerKeepsItsTrailers) {
  origin.answer({{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n",
                  "3\r\nllo\r\n0\r\nDigest: d\r\n\r\n"}});
  auto& sees = filter({.response_body = Body::Whole, .whole_limit = 100});
  std::string seen;
  sees.response_body = [&seen](StreamView&, BodyPiece& piece) {
    for (const auto bytes : piece.spans()) seen.append(bytes.begin(), bytes.end());
    EXPECT_TRUE(piece.is_last());
    return Verdict::Continue;
  };
  const auto& one = answered();
  EXPECT_EQ(seen, "hello");
  EXPECT_EQ(one.body, "hello");
  EXPECT_EQ(one.trailers, "Digest: d|");
}

TEST_F(StreamFilters, WhatIsLongerThanItsLimitIsReplaced) {
  origin.answer({{fine}});
  auto& sees = filter({.response_body = Body::Whole, .whole_limit = 4});
  const auto& one = answered();
  EXPECT_EQ(one.status, 502);
  EXPECT_THAT(one.body, Not(HasSubstr("hello")));
  expect_over(sees);
}

TEST_F(StreamFilters, AnswerInPlaceOfTheServer) {
  auto& answers = filter({.request = true});
  answers.request = [](StreamView& stream) {
    stream.respond(403, "no");
    return Verdict::Respond;
  };
  const auto& one = answered();
  EXPECT_EQ(one.status, 403);
  EXPECT_THAT(one.body, HasSubstr("no"));
  EXPECT_TRUE(origin.requests().empty());
  expect_over(answers);
}

TEST_F(StreamFilters, ReplaceTheServersAnswer) {
  origin.answer({{fine}});
  auto& answers = filter({.response = true});
  answers.response = [](StreamView& stream) {
    stream.respond(451, "gone");
    return Verdict::Respond;
  };
  const auto& one = answered();
  EXPECT_EQ(one.status, 451);
  EXPECT_THAT(one.body, Not(HasSubstr("hello")));
  expect_over(answers);
}

TEST_F(StreamFilters, AreNotShownWhatTheyHaveAnswered) {
  for (const bool by_body : {false, true}) {
    origin.answer({{fine}});
    auto& answers =
        filter({.response = true, .response_body = Body::Whole, .whole_limit = 1'000'000});
    int calls = 0;
    const auto answer = [&calls](StreamView& stream) {
      ++calls;
      stream.respond(451, "gone");
      return Verdict::Respond;
    };
    if (by_body)
      answers.response_body = [&answer](StreamView& stream, BodyPiece&) { return answer(stream); };
    else
      answers.response = answer;
    const auto& one = answered();
    EXPECT_EQ(one.status, 451);
    EXPECT_EQ(one.body, "gone");
    EXPECT_EQ(calls, 1);
    expect_over(answers);
  }
}

TEST_F(StreamFilters, MayRefuseAnAnswerOfWeirsOwn) {
  serve(0, shm::Use::Down);
  auto& sees = filter({.response_body = Body::Whole, .whole_limit = 4});
  const auto& one = answered();
  EXPECT_EQ(one.status, 502);
  EXPECT_TRUE(one.is_ended || one.framing.end == BodyEnd::Length);
  expect_over(sees);
}

TEST_F(StreamFilters, MayBreakOffAnAnswerOfWeirsOwn) {
  serve(0, shm::Use::Down);
  for (const Verdict verdict : {Verdict::Abort, Verdict::Reroute}) {
    auto& sees = filter({.response_body = Body::Observe});
    sees.response_body = [verdict](StreamView&, BodyPiece&) { return verdict; };
    const auto& one = answered();
    EXPECT_TRUE(one.is_aborted);
    EXPECT_FALSE(one.is_ended);
    expect_over(sees);
  }
}

/// Numbers without end.
struct Numbers final : BodySource {
  Produced produce(std::span<char> into) override {
    std::fill_n(into.begin(), 100, '7');
    return {.bytes = 100, .is_end = false};
  }
  void wait(Waker) override {}
};

TEST_F(StreamFilters, MayReplaceABodyThatIsBeingProduced) {
  Numbers numbers;
  auto& makes = filter({.request = true});
  makes.request = [&numbers](StreamView& stream) {
    ResponseHead& head = stream.arena().array<ResponseHead>(1)[0];
    head.status = 200;
    stream.respond(head, numbers);
    return Verdict::Respond;
  };
  auto& refuses = another_filter({.response_body = Body::Whole, .whole_limit = 250});
  const auto& one = answered();
  EXPECT_EQ(one.status, 502);
  EXPECT_THAT(one.body, Not(HasSubstr("777")));
  expect_over(makes);
  expect_over(refuses);
}

TEST_F(StreamFilters, WaitInEachDirection) {
  for (Direction direction : {Direction::Request, Direction::Response}) {
    origin.answer({{fine}});
    auto& waits = waits_in(direction);
    auto& one = client();
    one.ask();
    until([&] { return is_waiting; });
    EXPECT_FALSE(one.is_over());
    waker.fire();
    until([&] { return one.is_over(); });
    EXPECT_EQ(one.status, 200);
    one.its().log();
    waker.fire();  // for the second time, and of one that has ended
    expect_over(waits);
  }
}

TEST_F(StreamFilters, SeeAnEmptyBodyThatHasEndedWhileAnotherOneWaits) {
  for (const Body kind : {Body::Whole, Body::Transform}) {
    origin.answer({{fine}});
    auto& waits = waits_in(Direction::Request);
    auto& sees = another_filter({.request_body = kind, .whole_limit = 100});
    int calls = 0;
    sees.request_body = [&calls](StreamView&, BodyPiece& piece) {
      ++calls;
      EXPECT_TRUE(piece.is_last());
      return Verdict::Continue;
    };
    auto& one = client();
    one.ask_with_body("POST", 0);
    one.its().on_end(Headers());
    waker.fire();
    until([&] { return one.is_over(); });
    one.its().log();
    EXPECT_EQ(one.status, 200);
    EXPECT_EQ(calls, 1);
    expect_over(waits);
    expect_over(sees);
  }
}

TEST_F(StreamFilters, HearOnceOfAClientThatLeavesWhileTheyWait) {
  for (Direction direction : {Direction::Request, Direction::Response}) {
    origin.answer({{fine}});
    auto& waits = waits_in(direction);
    auto& one = client();
    one.ask();
    until([&] { return is_waiting; });
    one.its().fail(http::Failure::ClientGone);
    EXPECT_TRUE(one.is_aborted);
    waker.fire();
    expect_over(waits);
  }
}

TEST_F(StreamFilters, ThatWaitForTooLongEndTheRequest) {
  policy().filter = 1'000'000;
  auto& waits = waits_in(Direction::Request);
  auto& one = client();
  one.ask();
  EXPECT_TRUE(is_waiting);
  clock.advance(1'200'000);
  until([&] { return one.is_over(); });
  one.its().log();
  EXPECT_GE(one.status, 500);
  EXPECT_EQ(waits.failure, "filter_timeout");
  expect_over(waits);
}

TEST_F(StreamFilters, ThatBreakTheContractEndTheRequestOnly) {
  auto& breaks = filter({.request = true});
  breaks.request = [](StreamView&) { return Verdict::Suspend; };  // for nothing
  const auto& one = answered();
  EXPECT_EQ(one.status, 500);
  EXPECT_EQ(breaks.failure, "filter_breach");
  expect_over(breaks);
}

}  // namespace
}  // namespace weir::proxy
