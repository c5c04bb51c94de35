// SPDX-License-Identifier: Apache-2.0
//
// Filters and requests that weir refuses before it asks them: what they are shown, and what they may say.
#include "http/fingerprint.h"
#include "http/partial_head.h"
#include "proxy/heart.h"

#include <gmock/gmock.h>

namespace weir::proxy {
namespace {

using testing::HasSubstr;

constexpr std::string_view malformed = "GET /%zz HTTP/1.1\r\nHost: a\r\nX_Y: 1\r\n\r\n";

struct StreamRefused : Heart {
  /// One whose request is refused, with what has come of its head.
  test::FakeClient& refused(http::Failure failure = http::Failure::RequestTarget,
                            std::string_view text = malformed) {
    auto& one = client();
    Arena& arena = one.its().arena();
    RequestHead& head = arena.array<RequestHead>(1)[0];
    const std::string_view copy = arena.copy(text);
    http::read_partly({copy.data(), copy.size()}, head);
    one.its().on_refused_head(head);
    one.its().fail(failure);
    one.its().log();
    return one;
  }
  /// What it sees, in `seen`.
  Verdict look(std::string_view where, StreamView& stream) {
    const Received& received = stream.received();
    seen.append(where).append(": ").append(stream.refusal());
    seen.append(", ").append(stream.request().method_text).append(" ");
    seen.append(stream.request().target).append(", ").append(received.line);
    for (const ReceivedField& field : received.fields)
      seen.append(field.is_dropped ? "|!" : "|").append(field.name);
    seen += "\n";
    return Verdict::Continue;
  }
  ScriptedFilter& looking(Needs needs) {
    auto& looks = filter(needs);
    looks.request = [this](StreamView& stream) { return look("request", stream); };
    looks.response = [this](StreamView& stream) { return look("response", stream); };
    return looks;
  }
  ScriptedFilter& saying(std::function<Verdict(StreamView&)> what) {
    auto& says = filter({.refused = true, .response = true});
    says.request = std::move(what);
    says.response = [this](StreamView& stream) { return look("response", stream); };
    return says;
  }
  static Verdict tea(StreamView& stream) {
    stream.respond(418, "tea");
    return Verdict::Respond;
  }

  std::string seen;
};

TEST_F(StreamRefused, FiltersThatWantToAreShownWhatCameOfIt) {
  auto& looks = looking({.refused = true, .response = true});
  const auto& one = refused();
  EXPECT_EQ(seen,
            "request: request_target, GET /%zz, GET /%zz HTTP/1.1|Host|!X_Y\n"
            "response: request_target, GET /%zz, GET /%zz HTTP/1.1|Host|!X_Y\n");
  EXPECT_EQ(one.status, 400);
  EXPECT_EQ(one.finished, false);
  EXPECT_EQ(looks.failure, "request_target");
  EXPECT_EQ(looks.finished, 1);
}

TEST_F(StreamRefused, OthersSeeTheAnswerOnly) {
  looking({.request = true, .response = true});
  EXPECT_EQ(refused().status, 400);
  EXPECT_EQ(seen, "response: request_target, GET /%zz, GET /%zz HTTP/1.1|Host|!X_Y\n");
}

TEST_F(StreamRefused, WhatIsNoRequestAtAllIsShownToo) {
  looking({.refused = true});
  EXPECT_EQ(refused(http::Failure::RequestSyntax, "\x16\x03\r\na_b: c\r\n").status, 400);
  EXPECT_EQ(seen, "request: request_syntax,  , \x16\x03|!a_b\n");
}

TEST_F(StreamRefused, NothingMayBeKnownOfIt) {
  looking({.refused = true, .response = true});
  auto& one = client();
  one.its().fail(http::Failure::RequestHeaderTimeout);
  EXPECT_EQ(one.status, 408);
  EXPECT_EQ(seen,
            "request: request_header_timeout,  , \n"
            "response: request_header_timeout,  , \n");
}

TEST_F(StreamRefused, ItIsOneHeadForAll) {
  for (const bool is_known : {true, false}) {
    auto& says = saying([](StreamView& stream) {
      stream.request().forward_path = "/changed";
      return Verdict::Continue;
    });
    std::string path;
    says.response = [&path](StreamView& stream) {
      path = stream.request().forward_path;
      return Verdict::Continue;
    };
    if (is_known)
      refused();
    else
      client().its().fail(http::Failure::RequestSyntax);
    EXPECT_EQ(path, "/changed");
  }
}

TEST_F(StreamRefused, ARouteThatRefusesIsNoDifferent) {
  policy().max_body = 4;
  looking({.request = true, .refused = true, .response = true});
  auto& one = client();
  one.ask_with_body("POST", 10);
  EXPECT_EQ(one.status, 413);
  EXPECT_THAT(seen, HasSubstr("request: request_body_too_large, POST /"));
}

TEST_F(StreamRefused, OrdinaryRequestsAreNot) {
  origin.answer({{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"}});
  looking({.refused = true, .response = true});
  auto& one = client();
  one.ask();
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(seen, "response: , GET /, \n");
}

TEST_F(StreamRefused, NorAreThoseThatFailLater) {
  serve(0, shm::Use::Down);
  looking({.refused = true, .response = true});
  auto& one = client();
  one.ask();
  until([&] { return one.is_over(); });
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(seen, "response: , GET /, \n");
}

TEST_F(StreamRefused, AFilterMayAnswer) {
  auto& says = saying(tea);
  const auto& one = refused();
  EXPECT_EQ(one.status, 418);
  EXPECT_EQ(one.body, "tea");
  EXPECT_EQ(one.finished, false);
  EXPECT_EQ(seen, "response: request_target, GET /%zz, GET /%zz HTTP/1.1|Host|!X_Y\n");
  EXPECT_EQ(says.failure, "request_target");
  EXPECT_EQ(says.finished, 1);
}

TEST_F(StreamRefused, TheFirstAnswerCounts) {
  saying(tea);
  auto& other = another_filter({.refused = true});
  other.request = [](StreamView&) { return ADD_FAILURE(), Verdict::Continue; };
  EXPECT_EQ(refused().status, 418);
}

TEST_F(StreamRefused, AFilterMayRefuseItForAnotherReason) {
  auto& says = saying([](StreamView& stream) {
    stream.refuse(Refusal::Overloaded);
    return Verdict::Respond;
  });
  EXPECT_EQ(refused().status, 503);
  EXPECT_THAT(seen, HasSubstr("response: request_target, "));
  EXPECT_EQ(says.failure, "overloaded");
}

// Who reads on where a client has gone wrong may take its data for a request.
TEST_F(StreamRefused, TheConnectionIsNotKeptWhateverAFilterSays) {
  saying([](StreamView& stream) {
    stream.refuse(Refusal::Overloaded);
    return Verdict::Respond;
  });
  auto& one = client();
  one.ask("CONNECT", "a:1");
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(one.finished, false);
}

TEST_F(StreamRefused, AFilterMayAbort) {
  auto& says = saying([](StreamView&) { return Verdict::Abort; });
  const auto& one = refused();
  EXPECT_TRUE(one.is_aborted);
  EXPECT_EQ(one.status, 0);
  EXPECT_EQ(says.failure, "filter_aborted");
  EXPECT_EQ(says.finished, 1);
}

TEST_F(StreamRefused, AnythingElseIsABreach) {
  using Say = Verdict (*)(StreamView&);
  constexpr Say breaches[] = {
      [](StreamView&) { return Verdict::Reroute; },
      [](StreamView&) { return Verdict::Suspend; },
      [](StreamView&) { return Verdict::Respond; },
      [](StreamView& stream) { return stream.sleep(1), Verdict::Suspend; },
      [](StreamView& stream) { return (void)stream.signal(), Verdict::Suspend; },
  };
  for (const Say breach : breaches) {
    auto& says = saying(breach);
    EXPECT_EQ(refused().status, 500);
    EXPECT_EQ(seen, "") << "is called for the end only";
    EXPECT_EQ(says.failure, "filter_breach");
    turn(2);
    EXPECT_EQ(says.finished, 1);
  }
}

TEST_F(StreamRefused, WhatHasCrashedWorkersIsNotShown) {
  shm::Culprit culprit;
  culprit.fingerprint = http::fingerprint(malformed, listener->identity().name);
  for (std::uint32_t i = 0; i < shm::Quarantine::most_crashes; ++i)
    context.quarantine.note(culprit, loop.now());
  looking({.refused = true});
  EXPECT_EQ(refused().status, 400);
  EXPECT_EQ(seen, "");
}

}  // namespace
}  // namespace weir::proxy
