// SPDX-License-Identifier: Apache-2.0
//
// Connections of HTTP/2 clients: requests beside each other, each with its own time limits; clients that leave, with a
// stream or the connection; and how a connection ends in two steps (RFC 9113 §6.8).
#include "proxy/h2_session.h"

#include "proxy/h2_peer.h"
#include "proxy/serving.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {
namespace {

using test::is_about;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;

constexpr std::int32_t any_stream = 0x7fff'ffff;  // what the first GOAWAY allows

struct H2SessionTest : Serving {
  explicit H2SessionTest(config::Config from = limited(),
                         H2Peer::Windows windows = H2Peer::Windows::Opened)
      : Serving(std::move(from)), peer(connect(), windows) {
    time.pass();
  }
  /// Once this holds, this is done; the client talks meanwhile.
  H2SessionTest& when(
      std::function<bool()> until, std::function<void()> then = [] {}) {
    steps.when(
        [this, until] {
          if (talks) peer.turn();
          return until();
        },
        then);
    return *this;
  }
  H2SessionTest& when_answered(
      std::int32_t stream, std::function<void()> then = [] {}) {
    return when([this, stream] { return peer.has_ended(stream); }, then);
  }
  /// Until the last step is done; says how long that took.
  std::uint64_t run() {
    const std::uint64_t begun = clock.monotonic_us();
    steps.run();
    return clock.monotonic_us() - begun;
  }
  std::uint64_t run_to_end() {
    when([this] { return peer.is_closed; });
    return run();
  }
  std::uint64_t run_to_goodbye() {
    when([this] { return journal.connections == 0; });
    return run();
  }
  std::shared_ptr<PausingFilter> add_pause() {
    auto filter = std::make_shared<PausingFilter>();
    add_filter(filter);
    return filter;
  }

  H2Peer peer;
  bool talks = true;
  test::Moment moment{loop};
};

// ---- Requests beside each other ----------------------------------------------------------------

TEST_F(H2SessionTest, AnswersRequestsInTheOrderInWhichTheyAreReady) {
  auto pause = add_pause();
  const std::int32_t first = peer.ask("/1"), second = peer.ask("/2");
  when([&] { return pause->wakers.size() == 2; }, [&] { pause->wakers[1].fire(); })
      .when_answered(second,
                     [&] {
                       EXPECT_FALSE(peer.has_ended(first));
                       EXPECT_EQ(journal.http2, 1);
                       pause->wakers[0].fire();
                     })
      .when_answered(first)
      .run();
  EXPECT_EQ(peer.bodies[first], "/1");
  EXPECT_EQ(peer.bodies[second], "/2");
  EXPECT_THAT(journal.lines, ElementsAre("/2 200 -", "/1 200 -"));
}

TEST_F(H2SessionTest, TakesABodyAndAnswers) {
  add_filter(std::make_shared<PatientFilter>());
  H2Peer::Upload upload{std::string(50'000, 'u')};
  const std::int32_t stream = peer.ask("/post", &upload);
  when_answered(stream).run();
  EXPECT_EQ(peer.bodies[stream], "/post");
  EXPECT_EQ(peer.codes[stream], 0U);
}

TEST_F(H2SessionTest, AnswersBeforeTheBodyHasEnded) {
  H2Peer::Upload upload{"some of it", false};
  const std::int32_t stream = peer.ask("/post", &upload);
  when([&] { return peer.bodies[stream] == "/post"; },
       [&] {
         upload.ends = true;
         peer.go_on(stream);
       })
      .when_answered(stream)
      .run();
  EXPECT_EQ(peer.statuses[stream], "200");
  EXPECT_EQ(peer.codes[stream], 0U);
  EXPECT_EQ(journal.own_resets, 0);
}

TEST_F(H2SessionTest, ResetsAMalformedRequestAndServesTheOthers) {
  H2Peer::Fields malformed = {{":method", "GET"}, {":path", "/"}, {":scheme", "http"}, {"X", "y"}};
  const std::int32_t bad = peer.ask(malformed), good = peer.ask("/good");
  when([&] { return peer.has_ended(bad) && peer.has_ended(good); }).run();
  EXPECT_EQ(peer.codes[bad], std::uint32_t{NGHTTP2_PROTOCOL_ERROR});
  EXPECT_EQ(peer.bodies[good], "/good");
  EXPECT_FALSE(peer.is_closed);
}

TEST_F(H2SessionTest, RefusesWithAnAnswerWhatItCannotServe) {
  H2Peer::Fields connects = {{":method", "CONNECT"}, {":authority", "a:1"}};
  const std::int32_t stream = peer.ask(connects);
  const std::int32_t large = peer.ask("/", nullptr, {{"x-large", std::string(40'000, 'x')}});
  when([&] { return peer.has_ended(stream) && peer.has_ended(large); }).run();
  EXPECT_EQ(peer.statuses[stream], "405");
  EXPECT_EQ(peer.statuses[large], "431");
  EXPECT_FALSE(peer.is_closed);
}

// ---- Time limits -------------------------------------------------------------------------------

TEST_F(H2SessionTest, ClosesWhenItIsIdle) {
  const std::int32_t stream = peer.ask("/");
  std::uint64_t answered = 0;
  when_answered(stream, [&] { answered = clock.monotonic_us(); });
  run_to_end();
  EXPECT_TRUE(is_about(clock.monotonic_us() - answered, 30 * second));
  EXPECT_THAT(peer.goaways, ElementsAre(stream));
  EXPECT_EQ(peer.goaway_code, 0U);
}

TEST_F(H2SessionTest, AHeadHasItsTime) {
  // GET http://a/, of which the end of the head is missing.
  constexpr std::string_view frame("\0\0\6\1\1\0\0\0\1\x82\x86\x84\x41\1a", 15);
  when([&] { return journal.http2 == 1; },
       [&] {
         talks = false;
         say(peer.fd, frame);
       })
      .when([&] { return journal.requests == 1; });
  EXPECT_TRUE(is_about(run(), 10 * second));
  EXPECT_THAT(journal.lines, ElementsAre("- 408 request_header_timeout"));
}

TEST_F(H2SessionTest, ABodyHasItsTimeFromItsLastByteOn) {
  add_filter(std::make_shared<PatientFilter>());
  H2Peer::Upload upload{"some of it", false};
  const std::int32_t stream = peer.ask("/post", &upload);
  moment.set(15 * second);
  when([&] { return moment.has_come(); },
       [&] {
         upload.bytes = "more";
         peer.go_on(stream);
       })
      .when([&] { return !peer.statuses[stream].empty(); });
  EXPECT_TRUE(is_about(run(), 35 * second, 2));
  EXPECT_EQ(peer.statuses[stream], "408");
  EXPECT_THAT(journal.lines, ElementsAre("/post 408 request_body_timeout"));
  EXPECT_FALSE(peer.is_closed);
}

struct H2WholeTimeTest : H2SessionTest {
  static config::Config limited_whole() {
    config::Config config = limited();
    config.listeners[0].limits.request = std::chrono::seconds(7);
    return config;
  }
  H2WholeTimeTest() : H2SessionTest(limited_whole()) {}
};

TEST_F(H2WholeTimeTest, BoundsEachRequestFromItsOwnBeginning) {
  add_pause();
  const std::int32_t first = peer.ask("/1");
  std::int32_t second_one = 0;
  std::uint64_t begun = 0;
  moment.set(4 * second);
  when([&] { return moment.has_come(); },
       [&] {
         begun = clock.monotonic_us();
         second_one = peer.ask("/2");
       })
      .when_answered(first, [&] { EXPECT_TRUE(peer.statuses[second_one].empty()); })
      .when([&] { return peer.has_ended(second_one); })
      .run();
  EXPECT_TRUE(is_about(clock.monotonic_us() - begun, 7 * second));
  EXPECT_THAT(journal.lines, ElementsAre("/1 504 request_timeout", "/2 504 request_timeout"));
}

struct ClosedWindowTest : H2SessionTest {
  ClosedWindowTest() : H2SessionTest(limited(std::string(200'000, 'x')), H2Peer::Windows::Closed) {}
};

TEST_F(ClosedWindowTest, WhoOpensNoWindowLosesTheStream) {
  const std::int32_t stream = peer.ask("/");
  when_answered(stream);
  EXPECT_TRUE(is_about(run(), 40 * second));
  EXPECT_EQ(peer.statuses[stream], "200");
  EXPECT_EQ(peer.bodies[stream].size(), 65'535U);
  EXPECT_NE(peer.codes[stream], 0U);
  EXPECT_FALSE(peer.is_closed);
}

struct DeafPeerTest : H2SessionTest {
  DeafPeerTest() : H2SessionTest(limited(std::string(4'000'000, 'x')), H2Peer::Windows::Large) {}
};

// Its windows are open, but it does not read its socket: looked at after an eighth of the limit, and after the limit.
TEST_F(DeafPeerTest, LosesTheConnection) {
  when([&] { return journal.http2 == 1; },
       [&] {
         peer.ask("/");
         peer.turn();
         talks = false;
       });
  EXPECT_TRUE(is_about(run_to_goodbye(), 45 * second, 2));
  EXPECT_EQ(journal.requests, 1);
  EXPECT_EQ(journal.http2, 0);
}

// ---- The client leaves -------------------------------------------------------------------------

TEST_F(H2SessionTest, ResettingAStreamCancelsItsRequest) {
  auto pause = add_pause();
  const std::int32_t first = peer.ask("/1"), second_one = peer.ask("/2");
  when([&] { return pause->wakers.size() == 2; }, [&] { peer.reset(first); })
      .when([&] { return journal.requests == 1; },
            [&] {
              EXPECT_THAT(journal.lines, ElementsAre("/1 499 client_gone"));
              for (const Waker& waker : pause->wakers) waker.fire();
            })
      .when_answered(second_one)
      .run();
  EXPECT_EQ(peer.bodies[second_one], "/2");
  EXPECT_EQ(journal.client_resets, 1);
}

TEST_F(H2SessionTest, ResettingAStreamInsideOfItsBodyCancelsItToo) {
  add_filter(std::make_shared<PatientFilter>());
  H2Peer::Upload upload{"some of it", false};
  const std::int32_t stream = peer.ask("/post", &upload);
  moment.set(second);
  when([&] { return moment.has_come(); }, [&] { peer.reset(stream); })
      .when([&] { return journal.requests == 1; })
      .run();
  EXPECT_THAT(journal.lines, ElementsAre("/post 499 client_gone"));
  EXPECT_EQ(journal.connections, 1);
}

TEST_F(H2SessionTest, ClosingTheConnectionCancelsAll) {
  auto pause = add_pause();
  peer.ask("/1");
  peer.ask("/2");
  when([&] { return pause->wakers.size() == 2; },
       [&] {
         talks = false;
         peer.fd.reset();
       });
  EXPECT_EQ(run_to_goodbye(), 0U);
  EXPECT_THAT(journal.lines, UnorderedElementsAre("/1 499 client_gone", "/2 499 client_gone"));
  EXPECT_EQ(journal.http2, 0);
}

TEST_F(H2SessionTest, ClosingAnIdleConnectionLeavesNothing) {
  when([&] { return journal.http2 == 1; },
       [&] {
         talks = false;
         peer.fd.reset();
       });
  EXPECT_EQ(run_to_goodbye(), 0U);
  EXPECT_THAT(journal.lines, IsEmpty());
}

// ---- Its end -----------------------------------------------------------------------------------

TEST_F(H2SessionTest, ADrainIsAnnouncedAndWhatRunsIsAnswered) {
  auto pause = add_pause();
  const std::int32_t first = peer.ask("/1");
  std::int32_t late = 0;
  when([&] { return pause->wakers.size() == 1; },
       [&] {
         // On its way when the announcement is made.
         late = peer.ask("/late");
         listener->set_draining(true);
         (void)listener->go_on();
       })
      .when([&] { return peer.goaways.size() == 2 && pause->wakers.size() == 2; },
            [&] {
              EXPECT_THAT(peer.goaways, ElementsAre(any_stream, late));
              for (const Waker& waker : pause->wakers) waker.fire();
            });
  run_to_end();
  EXPECT_EQ(peer.bodies[first], "/1");
  EXPECT_EQ(peer.bodies[late], "/late");
  EXPECT_EQ(journal.requests, 2);
}

TEST_F(H2SessionTest, ADrainClosesAnIdleConnection) {
  const std::int32_t stream = peer.ask("/");
  when_answered(stream, [&] {
    listener->set_draining(true);
    (void)listener->go_on();
  });
  EXPECT_EQ(run_to_end(), 0U);
  // Of the second one nghttp2 does not tell without a stream.
  EXPECT_THAT(peer.goaways, ElementsAre(any_stream));
  EXPECT_EQ(peer.goaway_code, 0U);
}

// It does not answer the PING by which its last request is known.
TEST_F(H2SessionTest, AnAnnouncementIsNotWaitedForLong) {
  const std::int32_t stream = peer.ask("/");
  when_answered(stream, [&] {
    listener->set_draining(true);
    (void)listener->go_on();
    talks = false;
  });
  const std::uint64_t took = run_to_goodbye();
  EXPECT_TRUE(is_about(took, second + 5 * second, 2)) << "the announcement and the lingering";
}

TEST_F(H2SessionTest, ExpelledWithAnswers) {
  auto pause = add_pause();
  const std::int32_t first = peer.ask("/1"), second_one = peer.ask("/2");
  when([&] { return pause->wakers.size() == 2; },
       [&] {
         listener->set_draining(true);
         (void)listener->go_on(true);
       });
  EXPECT_EQ(run_to_end(), 0U);
  EXPECT_EQ(peer.statuses[first], "503");
  EXPECT_EQ(peer.statuses[second_one], "503");
  EXPECT_THAT(journal.lines, UnorderedElementsAre("/1 503 drain_timeout", "/2 503 drain_timeout"));
}

struct H2FewRequestsTest : H2SessionTest {
  static config::Config few() {
    config::Config config = limited();
    config.listeners[0].max_requests = 2;
    config.listeners[0].max_streams = 3;
    return config;
  }
  H2FewRequestsTest() : H2SessionTest(few()) {}
};

TEST_F(H2FewRequestsTest, EndsBehindTheLastOne) {
  for (const char* path : {"/1", "/2"}) peer.ask(path);
  EXPECT_EQ(run_to_end(), 0U);
  EXPECT_THAT(peer.goaways, ElementsAre(any_stream));
  EXPECT_EQ(peer.bodies[1], "/1");
  EXPECT_EQ(peer.bodies[3], "/2");
}

TEST_F(H2FewRequestsTest, SettingsTellHowManyMayRunAtATime) {
  auto pause = add_pause();
  for (const char* path : {"/1", "/2", "/3", "/4"}) peer.ask(path);
  moment.set(second / 2);
  when([&] { return moment.has_come(); }).run();
  EXPECT_EQ(pause->wakers.size(), 3U);
}

}  // namespace
}  // namespace weir::proxy
