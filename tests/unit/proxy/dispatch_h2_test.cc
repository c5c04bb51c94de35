// SPDX-License-Identifier: Apache-2.0
//
// Attempts at servers that speak HTTP/2: a server that says it has not looked at a request is asked again, whatever the
// request; one that has is not; and requests that end leave the connection to the others.
#include "proxy/dispatch.h"
#include "proxy/fleet.h"
#include "upstream/h2_origin.h"

#include <gmock/gmock.h>

#include <string>
#include <utility>

namespace weir::proxy {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using upstream::H2Origin;

struct DispatchH2 : DispatchFleet {
  DispatchH2() {
    configure([](upstream::BackendPolicy& policy) {
      policy.config.protocol = config::ServerProtocol::Http2;
    });
    put(0, h2.address());
  }
  /// The first so many requests are refused, the others answered.
  void refuse(int times, std::uint32_t code = NGHTTP2_REFUSED_STREAM) {
    h2.on_request = [times, code](H2Origin::Request& request) mutable {
      times-- > 0 ? H2Origin::reset(request, code) : H2Origin::answer(request);
    };
  }
  test::FakeClient& get() {
    auto& one = client();
    one.ask("GET", "/a");
    return answered(one);
  }

  H2Origin h2{loop};
};

TEST_F(DispatchH2, RequestsShareAConnection) {
  auto &one = client(), &two = client();
  one.ask("GET", "/1");
  two.ask("GET", "/2");
  answered(one);
  answered(two);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(one.body, "hello");
  EXPECT_EQ(two.body, "hello");
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(h2.connections, 1U);
  EXPECT_THAT(h2.seen, ElementsAre("GET /1 ", "GET /2 ", "GET /a "));
  expect_nothing_left();
}

TEST_F(DispatchH2, ButNotMoreThanTheServerAllows) {
  h2.most_streams = 1;
  EXPECT_EQ(get().status, 200);
  h2.on_request = [](H2Origin::Request&) {};
  auto &one = client(), &two = client();
  one.ask();
  two.ask();
  until([this] { return h2.connections == 2; });
  until_phase(one, "await");
  until_phase(two, "await");
  until([this] { return h2.seen.size() == 3; });
  one.its().fail(http::Failure::ClientGone);
  two.its().fail(http::Failure::ClientGone);
  expect_nothing_left();
}

// ---- A server that has not looked --------------------------------------------------------------

TEST_F(DispatchH2, WhoHasNotLookedIsAskedAgain) {
  for (const int times : {1, 3}) {
    refuse(times);
    auto& one = get();
    EXPECT_EQ(one.status, 200);
    EXPECT_EQ(record(one).attempts, static_cast<std::uint32_t>(times) + 1);
    EXPECT_EQ(record(one).retry_reason, "stream_refused");
  }
  expect_nothing_left();
}

TEST_F(DispatchH2, NotForEver) {
  refuse(100);
  auto& one = get();
  EXPECT_EQ(one.status, 503);
  EXPECT_EQ(failure(one), "stream_refused");
  EXPECT_EQ(record(one).attempts, 4U);
  expect_nothing_left();
}

struct Body {
  const char* name;
  std::size_t size;
  bool is_repeated;
};
struct RefusedBody : DispatchH2, testing::WithParamInterface<Body> {};
INSTANTIATE_TEST_SUITE_P(Bodies, RefusedBody,
                         testing::Values(Body{"None", 0, true}, Body{"Kept", 1000, true},
                                         Body{"MoreThanIsKept", RequestBody::most_kept + 1, false}),
                         [](const auto& each) { return each.param.name; });

TEST_P(RefusedBody, IsSentAgainWhatEverTheMethod) {
  refuse(1);
  auto& one = client();
  const std::string body(GetParam().size, 'x');
  if (body.empty()) {
    one.ask("POST", "/a");
  } else {
    one.ask_with_body("POST", body.size());
    until_phase(one, "send");
    one.say(body);
    one.its().on_end(Headers());
  }
  answered(one);
  EXPECT_EQ(one.status, GetParam().is_repeated ? 200 : 503);
  if (GetParam().is_repeated) {
    ASSERT_EQ(h2.seen.size(), 2U);
    EXPECT_EQ(h2.seen[0], h2.seen[1]);
    EXPECT_TRUE(h2.seen[1].ends_with(" " + body));
  }
  expect_nothing_left();
}

TEST_F(DispatchH2, AFarewellThatLeavesItOutIsTheSame) {
  h2.on_request = [this](H2Origin::Request& request) {
    h2.seen.size() == 1 ? H2Origin::say_farewell(request, 0) : H2Origin::answer(request);
  };
  auto& one = client();
  one.ask("POST", "/a");
  answered(one);
  EXPECT_EQ(one.status, 200);
  EXPECT_EQ(record(one).attempts, 2U);
  EXPECT_EQ(h2.connections, 2U);
  expect_nothing_left();
}

TEST_F(DispatchH2, WhatAFarewellDoesNotLeaveOutIsAnsweredYet) {
  h2.on_request = [](H2Origin::Request& request) {
    H2Origin::say_farewell(request, request.stream);
    H2Origin::answer(request);
  };
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(h2.connections, 2U) << "nothing new is begun on the first";
  expect_nothing_left();
}

// ---- A server that has -------------------------------------------------------------------------

struct Code {
  const char* name;
  std::uint32_t code;
  const char* failure;
  std::uint16_t status;
};
struct ResetByServer : DispatchH2, testing::WithParamInterface<Code> {};
INSTANTIATE_TEST_SUITE_P(
    Codes, ResetByServer,
    testing::Values(Code{"Cancel", NGHTTP2_CANCEL, "stream_cancelled", 502},
                    Code{"Calm", NGHTTP2_ENHANCE_YOUR_CALM, "stream_throttled", 502},
                    Code{"Insecure", NGHTTP2_INADEQUATE_SECURITY, "stream_insecure", 502},
                    Code{"Internal", NGHTTP2_INTERNAL_ERROR, "stream_reset", 502},
                    Code{"Protocol", NGHTTP2_PROTOCOL_ERROR, "stream_reset", 502}),
    [](const auto& each) { return each.param.name; });

TEST_P(ResetByServer, IsNotAskedAgain) {
  EXPECT_EQ(get().status, 200);  // so that the connection is one that was used before
  refuse(1, GetParam().code);
  auto& one = get();
  EXPECT_EQ(one.status, GetParam().status);
  EXPECT_EQ(failure(one), GetParam().failure);
  EXPECT_EQ(record(one).attempts, 1U);
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(h2.connections, 1U) << "the others have not noticed";
  expect_nothing_left();
}

TEST_F(DispatchH2, AConnectionThatEndsIsAskedAgainIfItWasUsedBefore) {
  for (const char* method : {"GET", "POST"}) {
    h2.on_request = [](H2Origin::Request& request) { H2Origin::answer(request); };
    EXPECT_EQ(get().status, 200);
    h2.on_request = [this, first = true](H2Origin::Request& request) mutable {
      std::exchange(first, false) ? H2Origin::close(request) : H2Origin::answer(request);
    };
    auto& one = client();
    one.ask(method, "/b");
    answered(one);
    const bool is_repeated = std::string_view(method) == "GET";
    EXPECT_EQ(one.status, is_repeated ? 200 : 502) << method;
    EXPECT_EQ(record(one).attempts, is_repeated ? 2U : 1U);
  }
  expect_nothing_left();
}

TEST_F(DispatchH2, NotIfItIsNew) {
  h2.on_request = [](H2Origin::Request& request) { H2Origin::close(request); };
  auto& one = get();
  EXPECT_EQ(one.status, 502);
  EXPECT_EQ(failure(one), "server_closed");
  EXPECT_EQ(record(one).attempts, 1U);
  expect_nothing_left();
}

TEST_F(DispatchH2, AServerOfHttp1IsNone) {
  policy().retry.attempts = 0;
  put(0, origin.address());
  auto& one = client();
  one.ask();
  until([this] { return origin.has_heard(); });
  origin.say("HTTP/1.1 400 No\r\n\r\n");
  answered(one);
  EXPECT_EQ(one.status, 502);
  EXPECT_EQ(failure(one), "protocol_mismatch");
  expect_nothing_left();
}

// ---- Requests that end -------------------------------------------------------------------------

TEST_F(DispatchH2, WhoLeavesTakesItsStreamWithIt) {
  EXPECT_EQ(get().status, 200);
  h2.on_request = [](H2Origin::Request&) {};
  auto& one = client();
  one.ask();
  until([this] { return h2.seen.size() == 2; });
  one.its().fail(http::Failure::ClientGone);
  until([this] { return h2.resets[NGHTTP2_CANCEL] == 1; });
  expect_nothing_left();
  refuse(0);
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(h2.connections, 1U);
}

TEST_F(DispatchH2, InsideOfItsBodyToo) {
  auto& one = client();
  one.ask_with_body("POST", 100);
  until_phase(one, "send");
  one.say("some");
  turn(4);
  one.its().fail(http::Failure::RequestBodyTimeout);
  EXPECT_EQ(one.status, 408);
  until([this] { return h2.resets[NGHTTP2_CANCEL] == 1; });
  EXPECT_THAT(h2.seen, IsEmpty());
  expect_nothing_left();
}

TEST_F(DispatchH2, WhileItIsConnectedNothingIsLeft) {
  put(0, silent.address());
  auto &one = client(), &two = client();
  one.ask();
  two.ask();
  one.its().fail(http::Failure::ClientGone);
  two.its().fail(http::Failure::RequestTimeout);
  expect_nothing_left();
  put(0, h2.address());
  EXPECT_EQ(get().status, 200);
}

TEST_F(DispatchH2, ConnectingHasItsTime) {
  policy().retry.attempts = 0;
  put(0, silent.address());
  pass_time();
  const std::uint64_t begun = clock.monotonic_us();
  auto& one = get();
  EXPECT_EQ(failure(one), "connect_timeout");
  EXPECT_TRUE(test::is_about(clock.monotonic_us() - begun, second));
  expect_nothing_left();
}

TEST_F(DispatchH2, AnAnswerHasItsTimeAndTheConnectionStays) {
  policy().server.first_byte = 2 * second;
  EXPECT_EQ(get().status, 200);
  h2.on_request = [](H2Origin::Request&) {};
  auto& one = client();
  one.ask();
  until([this] { return h2.seen.size() == 2; });
  clock.advance(2 * second + 20'000);
  answered(one);
  EXPECT_EQ(one.status, 504);
  EXPECT_EQ(failure(one), "first_byte_timeout");
  refuse(0);
  EXPECT_EQ(get().status, 200);
  EXPECT_EQ(h2.connections, 1U);
  expect_nothing_left();
}

}  // namespace
}  // namespace weir::proxy
