// SPDX-License-Identifier: Apache-2.0
//
// A stream whose backend has no server left: the filters of the fallback have their say, those of the backend before it no
// more, each policy looks at a request once, and no filter misses a body.
#include "proxy/heart.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

namespace weir::proxy {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

const std::string fine = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
const std::string bad = "HTTP/1.1 503 Bad\r\nContent-Length: 3\r\n\r\nbad";
const std::string body = "abc\r\n\r\n";  // so that the origin sees its end

// Positions in the chain, as bits.
constexpr std::uint16_t first = 1, second = 2, third = 4;

struct StreamFallback : Heart {
  void SetUp() override {
    origin.stay_open();
    origin.answer({{fine}});
    sorry.stay_open();
    sorry.answer({{fine}});
    add_backend("sorry");
    serve_sorry(1);
  }

  void add_backend(const char* name) {
    upstream::BackendPolicy made;
    made.config.name = name;
    made.config.number = static_cast<std::uint32_t>(context.backends.size());
    policy().fallbacks.push_back(made.config.number);
    context.backends.push_back(
        std::make_unique<upstream::Backend>(net, shared.all, std::move(made), 1));
  }
  /// In the backend with that number.
  void serve_sorry(std::size_t backend, shm::Use use = shm::Use::Up) {
    shm::ServerRow row{};
    row.use = use;
    row.weight = 1;
    row.addresses = upstream::to_set(sorry.address());
    context.backends[backend]->apply(static_cast<std::uint32_t>(backend), row);
  }
  void first_is_down() { serve(0, shm::Use::Down); }

  /// A filter that writes its letter down for each call, and looks at requests and answers.
  ScriptedFilter& letter(char name, std::uint16_t backends, Needs needs = {}) {
    needs.request = needs.response = true;
    auto& made = another_filter(needs, backends);
    made.request = [this, name](StreamView&) {
      calls += name;
      return Verdict::Continue;
    };
    made.response = [this, name](StreamView&) {
      calls += static_cast<char>(std::toupper(name));
      return Verdict::Continue;
    };
    return made;
  }
  /// One that keeps all of the bodies of requests.
  ScriptedFilter& collector(std::uint16_t backends) {
    auto& made = another_filter({.request_body = Body::Whole, .whole_limit = 1'000'000}, backends);
    made.request_body = [this](StreamView&, BodyPiece& piece) {
      for (const auto bytes : piece.spans()) collected.append(bytes.begin(), bytes.end());
      ++collections;
      return Verdict::Continue;
    };
    return made;
  }
  void say_all(test::FakeClient& one) {
    one.say(body);
    if (!one.is_over()) one.its().on_end(Headers());
  }
  test::FakeClient& answered(std::string_view method = "GET") {
    auto& one = client();
    one.ask(method);
    finish(one);
    return one;
  }
  void finish(test::FakeClient& one) {
    until([&] { return one.is_over(); });
    one.its().log();
    turn(2);
    EXPECT_EQ(in_flight(), 0U);
    EXPECT_EQ(shared.in_flight.load(1), 0U);
  }
  void retry_on_503() {
    policy().retry.on_status = {503};
    origin.answer({{bad}});
  }

  upstream::ScriptedOrigin sorry{loop, {}};
  std::string calls, collected;
  int collections = 0;
};

TEST_F(StreamFallback, BringsItsFilters) {
  first_is_down();
  auto& outer = letter('l', first | second);
  auto& former = letter('a', first);
  auto& latter = letter('b', second);
  letter('r', first | second);
  latter.request = [this](StreamView& stream) {
    calls += 'b';
    stream.request().headers.set(stream.arena(), "X-By", "b");
    return Verdict::Continue;
  };
  auto& one = answered();
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(calls, "larbRBL");
  EXPECT_THAT(sorry.requests(), ElementsAre(HasSubstr("X-By: b\r\n")));
  EXPECT_TRUE(former.is_rerouted);
  EXPECT_EQ(former.finished, 1);
  for (const ScriptedFilter* filter : {&outer, &latter}) {
    EXPECT_FALSE(filter->is_rerouted);
    EXPECT_EQ(filter->finished, 1);
  }
  EXPECT_EQ(one.its().record().backend->name, "sorry");
}

TEST_F(StreamFallback, DoesSoAfterAServerThatRefuses) {
  origin.close();
  letter('a', first);
  letter('b', second);
  EXPECT_EQ(answered().status, 200);
  EXPECT_EQ(calls, "abB");
  EXPECT_THAT(sorry.requests(), SizeIs(1));
}

TEST_F(StreamFallback, MayBeTheOnlyOneWithFilters) {
  letter('b', second);
  EXPECT_EQ(answered().status, 200);
  EXPECT_EQ(calls, "");
  EXPECT_THAT(sorry.requests(), IsEmpty());
  first_is_down();
  EXPECT_EQ(answered().status, 200);
  EXPECT_EQ(calls, "bB");
}

TEST_F(StreamFallback, AnErrorPageIsItsOwnToo) {
  first_is_down();
  serve_sorry(1, shm::Use::Down);
  letter('a', first);
  letter('b', second);
  EXPECT_EQ(answered().status, 503);
  EXPECT_EQ(calls, "abB");
}

TEST_F(StreamFallback, NoPolicyLooksAtARequestTwice) {
  first_is_down();
  serve_sorry(1, shm::Use::Down);
  add_backend("last");
  serve_sorry(2);
  auto& away = letter('x', first | third);  // the second backend has cleared it
  letter('b', second);
  letter('c', third);
  EXPECT_EQ(answered().status, 200);
  EXPECT_EQ(calls, "xbcCX");
  EXPECT_EQ(away.finished, 1);
  EXPECT_FALSE(away.is_rerouted);
}

TEST_F(StreamFallback, ItsFilterMayWait) {
  first_is_down();
  auto& waits = letter('b', second);
  Waker waker;
  waits.request = [&waker](StreamView& stream) {
    waker = stream.signal();
    return Verdict::Suspend;
  };
  waits.woken = [this](StreamView&, const Wake&) {
    calls += 'w';
    return Verdict::Continue;
  };
  for (const bool client_leaves : {false, true}) {
    auto& one = client();
    one.ask();
    turn(2);
    EXPECT_EQ(one.its().phase_name(), "request");
    client_leaves ? one.its().fail(http::Failure::ClientGone) : waker.fire();
    finish(one);
    EXPECT_EQ(one.is_aborted, client_leaves);
    waker.fire();
    turn(2);
  }
  EXPECT_EQ(calls, "wB");
  EXPECT_EQ(waits.finished, 2);
  EXPECT_THAT(sorry.requests(), SizeIs(1));
}

TEST_F(StreamFallback, ItsFilterMayAnswer) {
  first_is_down();
  auto& answers = letter('b', second);
  letter('a', first);
  answers.request = [](StreamView& stream) {
    stream.respond(403, "no");
    return Verdict::Respond;
  };
  auto& one = answered();
  EXPECT_EQ(one.status, 403);
  EXPECT_EQ(calls, "aB");
  EXPECT_THAT(sorry.requests(), IsEmpty());
}

TEST_F(StreamFallback, ItsFilterMayNotReroute) {
  first_is_down();
  auto& breaks = letter('b', second);
  breaks.request = [](StreamView&) { return Verdict::Reroute; };
  auto& one = answered();
  EXPECT_EQ(one.status, 500);
  EXPECT_EQ(breaks.failure, "filter_breach");
  EXPECT_THAT(sorry.requests(), IsEmpty());
}

TEST_F(StreamFallback, ThePathThatItsFilterMakesIsChecked) {
  first_is_down();
  auto& rewrites = letter('b', second);
  for (const auto& [path, status] :
       {std::pair{"/new/./x", 200}, std::pair{"no path", 400}, std::pair{"/a%2F..%2Fb", 400}}) {
    rewrites.request = [path = path](StreamView& stream) {
      stream.request().forward_path = path;
      return Verdict::Continue;
    };
    EXPECT_EQ(answered().status, status) << path;
  }
  EXPECT_THAT(sorry.requests(), ElementsAre(HasSubstr("GET /new/x HTTP/1.1")));
}

// ---- Bodies -------------------------------------------------------------------------------------

TEST_F(StreamFallback, ItsFilterSeesABodyThatNobodyHasTaken) {
  first_is_down();
  another_filter({.request_body = Body::Observe}, first);
  auto& collects = collector(second);
  collects.request_body = [this](StreamView& stream, BodyPiece& piece) {
    for (const auto bytes : piece.spans()) collected.append(bytes.begin(), bytes.end());
    stream.request().headers.set(stream.arena(), "X-By", "b");
    return Verdict::Continue;
  };
  auto& one = client();
  RequestHead& head = one.request("POST", "/");
  head.framing = {BodyEnd::Length, body.size()};
  head.expects_continue = true;
  one.its().on_head(head);
  EXPECT_THAT(one.interim, ElementsAre(100));
  EXPECT_TRUE(one.its().wants_body());
  say_all(one);
  finish(one);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(collected, body);
  EXPECT_THAT(sorry.requests(), ElementsAre(HasSubstr("X-By: b\r\n")));
  EXPECT_THAT(sorry.requests().at(0), HasSubstr(body));
}

TEST_F(StreamFallback, AnEmptyBodyThatHasEndedIsSeenToo) {
  origin.close();
  collector(second);
  auto& one = client();
  one.ask_with_body("POST", 0);
  one.its().on_end(Headers());
  finish(one);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(collections, 1);
  EXPECT_EQ(collected, "");
}

TEST_F(StreamFallback, IsNotUsedIfItsFilterWouldMissABody) {
  first_is_down();
  collector(first);
  collector(second);
  letter('b', second);
  auto& one = client();
  one.ask_with_body("POST", body.size());
  say_all(one);
  finish(one);
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(one.its().record().failure, http::Failure::NoServer);
  EXPECT_EQ(one.its().record().backend->name, "api");
  EXPECT_EQ(collections, 1);
  EXPECT_EQ(calls, "");
}

TEST_F(StreamFallback, NorIfItsFilterSaysSoWhenItIsThere) {
  first_is_down();
  collector(first);
  auto& asks = letter('b', second);
  asks.request = [](StreamView& stream) {
    stream.want_whole(100, Over::Reject);
    return Verdict::Continue;
  };
  auto& one = client();
  one.ask_with_body("POST", body.size());
  say_all(one);
  finish(one);
  EXPECT_EQ(one.status, 503);
  EXPECT_THAT(sorry.requests(), IsEmpty());
}

TEST_F(StreamFallback, ABodyThatTheFormerFilterHasSeenGoesThere) {
  first_is_down();
  for (const Body kind : {Body::Observe, Body::Transform}) {
    filter({});
    collector(first | second);
    auto& behind = another_filter({.trailers = true, .request_body = kind}, first);
    behind.request_body = [](StreamView&, BodyPiece&) -> Verdict {
      ADD_FAILURE() << "called for a backend that is not its own";
      return Verdict::Abort;
    };
    letter('b', second);
    auto& one = client();
    one.ask_with_body("POST", body.size());
    say_all(one);
    finish(one);
    EXPECT_EQ(one.status, 200);
    EXPECT_EQ(behind.finished, 1);
    EXPECT_THAT(sorry.requests().back(), HasSubstr("Content-Length: 7\r\n"));
    EXPECT_THAT(sorry.requests().back(), HasSubstr(body));
  }
  EXPECT_EQ(calls, "bBbB");
}

TEST_F(StreamFallback, WhatTheFormerFilterHasMadeOfABodyStays) {
  first_is_down();
  auto& changes = another_filter({.request_body = Body::Transform}, first);
  changes.request_body = [](StreamView&, BodyPiece& piece) {
    piece.write(piece.bytes());
    if (piece.is_last()) piece.write(std::string_view("+\r\n\r\n"));
    return Verdict::Continue;
  };
  collector(first | second);
  letter('b', second);
  auto& one = client();
  one.ask_with_body("POST", 3);
  one.say("abc");
  one.its().on_end(Headers());
  finish(one);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(collected, "abc+\r\n\r\n");
  EXPECT_EQ(calls, "bB");
  EXPECT_THAT(sorry.requests(), ElementsAre(HasSubstr("Content-Length: 8\r\n")));
  EXPECT_THAT(sorry.requests().at(0), HasSubstr("abc+"));
}

// ---- A status that asks for another try -----------------------------------------------------------

TEST_F(StreamFallback, TakesOverFromAnAnswerThatDoesNotCount) {
  retry_on_503();
  letter('a', first);
  letter('b', second);
  auto& one = answered();
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(calls, "abB");
  EXPECT_EQ(one.its().record().retry_reason, "503");
}

TEST_F(StreamFallback, OnlyIfAServerIsThere) {
  retry_on_503();
  serve_sorry(1, shm::Use::Down);
  letter('a', first);
  letter('b', second);
  auto& one = answered();
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(one.body, "bad");
  EXPECT_EQ(calls, "aA");
  EXPECT_EQ(one.its().record().backend->name, "api");
}

TEST_F(StreamFallback, AnAnswerIsNotGivenUpForABodyThatIsBeingChanged) {
  retry_on_503();
  auto& changes = another_filter({.request_body = Body::Transform}, first);
  changes.request_body = [](StreamView&, BodyPiece& piece) {
    piece.write(piece.bytes());
    return Verdict::Continue;
  };
  letter('b', second);
  auto& one = client();
  one.ask_with_body("PUT", 100);
  until_phase(one, "send");
  one.say("part\r\n\r\n");  // for which the origin waits
  finish(one);
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(one.body, "bad");
  EXPECT_EQ(calls, "");
}

// What a filter has written in place of a body is sent once more with the length that it has.
TEST_F(StreamFallback, AReplacedBodyIsSentAgainAsItIs) {
  retry_on_503();
  auto& replaces = collector(first | second);
  replaces.request_body = [](StreamView&, BodyPiece& piece) {
    piece.write(std::string_view("longer than that\r\n\r\n"));
    return Verdict::Continue;
  };
  auto& one = client();
  one.ask_with_body("PUT", body.size());
  say_all(one);
  finish(one);
  EXPECT_EQ(one.status, 200);
  EXPECT_THAT(sorry.requests(), ElementsAre(HasSubstr("Content-Length: 20\r\n")));
  EXPECT_THAT(sorry.requests().at(0), HasSubstr("longer than that"));
}

}  // namespace
}  // namespace weir::proxy
