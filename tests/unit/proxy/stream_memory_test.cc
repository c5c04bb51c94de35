// SPDX-License-Identifier: Apache-2.0
//
// Streams whose filters hold bodies: what that takes of the worker's memory, what the client gets if there is not enough of it,
// and that all is given back, whatever becomes of the request.
#include "proxy/heart.h"

#include <gmock/gmock.h>

#include <functional>
#include <string>

namespace weir::proxy {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint64_t block = Buffer::block_memory;
const std::string fine = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
// Three blocks, with the end that the origin looks for.
const std::string much = std::string(3 * Buffer::block_payload - 4, 'm') + "\r\n\r\n";

std::string answer_with(const std::string& body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

struct StreamMemory : Heart {
  void SetUp() override { origin.stay_open(); }
  std::uint64_t held() const { return context.body_memory.held(); }
  ScriptedFilter& collects() {
    return filter({.request_body = Body::Whole, .whole_limit = 1'000'000});
  }
  test::FakeClient& uploads(std::string_view method, const std::string& body) {
    auto& one = client();
    one.ask_with_body(method, body.size());
    one.say(body);
    return one;
  }
  void expect_refused(test::FakeClient& one) {
    until_phase(one, "finish");
    if (!one.its().is_request_complete()) one.its().on_end(Headers());
    EXPECT_TRUE(one.is_over());
    one.its().log();
    EXPECT_EQ(one.status, 503);
    EXPECT_EQ(one.its().record().failure, http::Failure::Overloaded);
    EXPECT_EQ(journal.body_refusals, 1);
    EXPECT_EQ(in_flight(), 0U);
  }

  Verdict said = Verdict::Continue;
};

TEST_F(StreamMemory, AnUploadThatDoesNotFitIsRefused) {
  context.body_memory.limit(4 * block);
  auto& collecting = collects();
  auto& first = uploads("POST", much);
  EXPECT_EQ(held(), 3 * block);
  auto& second = uploads("POST", much);
  expect_refused(second);
  EXPECT_EQ(collecting.finished, 1);
  EXPECT_EQ(collecting.failure, "overloaded");
  EXPECT_EQ(held(), 3 * block) << "that of the first";
  origin.answer({{fine}});
  first.its().on_end(Headers());
  until([&] { return first.is_over(); });
  EXPECT_EQ(first.status, 200);
  EXPECT_EQ(held(), 0U);
}

TEST_F(StreamMemory, WhatIsKeptToBeSentAgainIsHeldUntilTheAnswer) {
  context.body_memory.limit(3 * block);
  (void)collects();
  auto& one = uploads("PUT", much);
  one.its().on_end(Headers());
  until_phase(one, "await");
  turn(2);
  EXPECT_EQ(held(), 3 * block);
  one.has_room_now = false;
  origin.say(fine);
  until_phase(one, "relay");
  EXPECT_EQ(held(), 0U) << "while the client does not read";
}

TEST_F(StreamMemory, WhatDoesNotFitAnyMoreIsSentButNotKept) {
  context.body_memory.limit(3 * block);
  BodyMemory::Share others(context.body_memory);
  (void)collects();
  int pieces = 0;
  another_filter({.request_body = Body::Observe}).request_body = [&](StreamView&, BodyPiece&) {
    if (++pieces == 2) {
      EXPECT_TRUE(others.grow(block)) << "the first block has left";
    }
    return Verdict::Continue;
  };
  origin.answer({{fine}});
  auto& one = uploads("PUT", much);
  one.its().on_end(Headers());
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(pieces, 3);
  EXPECT_EQ(held(), block);
  EXPECT_EQ(journal.body_refusals, 0);
  ASSERT_EQ(origin.requests().size(), 1U);
  EXPECT_TRUE(origin.requests()[0].ends_with(much));
}

TEST_F(StreamMemory, AnAnswerThatDoesNotFitIsReplaced) {
  context.body_memory.limit(2 * block);
  origin.answer({{answer_with(much)}});
  auto& sees = filter({.response = true, .response_body = Body::Whole, .whole_limit = 1'000'000});
  int heads = 0;
  sees.response = [&heads](StreamView&) {
    ++heads;
    return Verdict::Continue;
  };
  auto& one = client();
  one.ask();
  expect_refused(one);
  EXPECT_THAT(one.body, Not(HasSubstr("mmm")));
  EXPECT_EQ(heads, 1) << "it is not shown the page";
  EXPECT_EQ(held(), 0U);
}

TEST_F(StreamMemory, NorIsThePageHeldForWhichThereIsNoMemory) {
  BodyMemory::Share others(context.body_memory);
  context.body_memory.limit(block);
  EXPECT_TRUE(others.grow(block));
  (void)filter(
      {.request_body = Body::Whole, .response_body = Body::Whole, .whole_limit = 1'000'000});
  auto& one = uploads("POST", "x");
  expect_refused(one);
  EXPECT_THAT(one.body, HasSubstr("overloaded"));
}

TEST_F(StreamMemory, AnAnswerThatHasBegunBreaksOff) {
  context.body_memory.limit(2 * block);
  origin.answer({{answer_with("small")}});
  auto& grows = filter({.response_body = Body::Transform});
  grows.response_body = [](StreamView&, BodyPiece& piece) {
    for (std::size_t i = 0; i < most_passing && !piece.is_last(); i += much.size())
      piece.write(much);
    return Verdict::Continue;
  };
  auto& one = client();
  one.ask();
  until([&] { return one.is_over(); });
  EXPECT_TRUE(one.is_aborted);
  EXPECT_EQ(one.its().record().failure, http::Failure::Overloaded);
  EXPECT_EQ(journal.body_refusals, 1);
  turn(2);
  EXPECT_EQ(held(), 0U);
}

TEST_F(StreamMemory, AllIsGivenBackHoweverItEnds) {
  using Ending = std::function<void(test::FakeClient&, Waker&)>;
  const auto fails = [](http::Failure why) -> Ending {
    return [why](test::FakeClient& one, Waker&) { one.its().fail(why); };
  };
  const auto says = [this](Verdict verdict) -> Ending {
    return [this, verdict](test::FakeClient&, Waker& waker) {
      said = verdict;
      waker.fire();
    };
  };
  const Ending endings[] = {fails(http::Failure::ClientGone),
                            fails(http::Failure::RequestBodyTimeout),
                            fails(http::Failure::DrainTimeout),
                            says(Verdict::Abort),
                            says(Verdict::Respond),
                            says(Verdict::Reroute),
                            says(Verdict::Continue)};
  origin.answer({{fine}});
  for (const Ending& ending : endings) {
    Waker waker;
    bool is_waiting = false;
    auto& waits = collects();
    waits.request_body = [&](StreamView& stream, BodyPiece&) {
      waker = stream.signal();
      is_waiting = true;
      return Verdict::Suspend;
    };
    waits.woken = [this](StreamView& stream, const Wake&) {
      if (said == Verdict::Respond) stream.respond(418, "tea");
      return said;
    };
    auto& one = uploads("POST", much);
    one.its().on_end(Headers());
    until([&] { return is_waiting; });
    EXPECT_EQ(held(), 3 * block);
    ending(one, waker);
    until([&] { return one.is_over(); });
    turn(2);
    EXPECT_EQ(held(), 0U) << "ending " << &ending - endings;
    EXPECT_EQ(in_flight(), 0U);
  }
}

}  // namespace
}  // namespace weir::proxy
