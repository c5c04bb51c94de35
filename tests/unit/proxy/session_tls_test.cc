// SPDX-License-Identifier: Apache-2.0
//
// Sessions over TLS: handshakes that fail, take too long or break off, what is agreed on in them, and how a connection ends:
// what a farewell means from either side, and an end without one.
#include "fakes/tls_peer.h"
#include "proxy/serving.h"
#include "proxy/session.h"

#include <gmock/gmock.h>

#include <optional>

namespace weir::proxy {
namespace {

using test::is_about;
using test::TlsPeer;
using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view request = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";
constexpr std::string_view last_request =
    "GET / HTTP/1.1\r\nHost: a.test\r\nConnection: close\r\n\r\n";
constexpr std::string_view large_post =
    "POST /post HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000000\r\n\r\n";

/// Of all tests here: keys take time to make.
test::TlsTerms& terms() {
  static test::TlsTerms made;
  return made;
}

config::Config with_tls(const std::function<void(config::Listener&)>& change = {}) {
  config::Config config = limited();
  config::Listener& listener = config.listeners[0];
  listener.tls = terms().server;
  listener.limits.handshake = std::chrono::seconds(15);
  config::Bind& bind = listener.binds.emplace_back();
  bind.at = {config::Endpoint::Kind::Ip4, "127.0.0.1", 0, "127.0.0.1:0"};
  bind.tls = true;
  if (change) change(listener);
  return config;
}

struct SessionTls : Serving {
  explicit SessionTls(config::Config from = with_tls()) : Serving(std::move(from)) {}

  /// A client of TLS, connected, that offers these protocols.
  TlsPeer& greet(const std::vector<std::string_view>& alpn = {"http/1.1"},
                 const test::TlsTerms& its = terms()) {
    return client.emplace(loop, outbox, connect(), its.client_context(alpn));
  }
  /// A step: the client goes on until that holds.
  template <typename Holds, typename Then>
  test::Steps& when(Holds holds, Then then) {
    return steps.when(
        [this, holds] {
          if (client) client->turn();
          return holds();
        },
        then);
  }
  template <typename Holds>
  test::Steps& when(Holds holds) {
    return when(holds, [] {});
  }
  bool is_greeted() { return client && client->its().is_established(); }
  bool has_heard(std::string_view end) const { return client->heard.ends_with(end); }
  /// From now on time passes while nothing else happens.
  void let_time_pass() {
    begun = clock.monotonic_us();
    time.pass();
  }
  void run() { steps.run(); }
  /// Until the session has ended; says how long that took from `let_time_pass` on.
  std::uint64_t run_to_end() {
    when([this] { return listener->sessions() == 0; });
    run();
    return clock.monotonic_us() - begun;
  }

  std::optional<TlsPeer> client;
  std::uint64_t begun = 0;
  test::Moment moment{loop};
};

// ---- Handshakes --------------------------------------------------------------------------------

TEST_F(SessionTls, AnswersBehindAHandshake) {
  greet();
  when([this] { return is_greeted(); }, [this] { client->say(request); });
  when([this] { return has_heard("\r\n\r\n/"); }, [this] { client->say(last_request); });
  when([this] { return client->is_over(); });
  run();
  EXPECT_TRUE(client->was_told());
  EXPECT_EQ(client->its().alpn(), "http/1.1");
  EXPECT_THAT(journal.handshakes, ElementsAre("none"));
  EXPECT_THAT(journal.lines, ElementsAre("/ 200 -", "/ 200 -"));
}

struct NoHandshake {
  const char* name;
  std::vector<std::string_view> alpn;
  void (*change)(config::BackendTls&);
  const char* failure;  ///< as weir counts it
};
struct FailedHandshake : SessionTls, testing::WithParamInterface<NoHandshake> {};
INSTANTIATE_TEST_SUITE_P(
    Clients, FailedHandshake,
    testing::Values(NoHandshake{"TrustsAnother",
                                {"http/1.1"},
                                [](config::BackendTls& tls) {
                                  tls.ca = tls::file_of("x.pem", tls::Issued("x", "").chain());
                                },
                                "alert"},
                    NoHandshake{"KnowsOtherGroups",
                                {"http/1.1"},
                                [](config::BackendTls& tls) { tls.groups = "P-521"; },
                                "terms"},
                    NoHandshake{
                        "SpeaksSomethingElse", {"spdy/3"}, [](config::BackendTls&) {}, "alpn"}),
    [](const auto& each) { return each.param.name; });

TEST_P(FailedHandshake, EndsTheConnectionAndIsCounted) {
  test::TlsTerms other;
  other.server = terms().server;
  other.client = terms().client;
  GetParam().change(other.client);
  greet(GetParam().alpn, other);
  when([this] { return client->is_over(); });
  run_to_end();
  EXPECT_FALSE(is_greeted());
  EXPECT_THAT(journal.handshakes, ElementsAre(GetParam().failure));
  EXPECT_THAT(journal.lines, IsEmpty());
  EXPECT_EQ(journal.connections, 0);
}

TEST_F(SessionTls, WhatIsNoTlsIsNotAnswered) {
  Fd plain = connect();
  std::string heard;
  say(plain, request);
  when([&] { return hear(plain, heard); });
  run_to_end();
  EXPECT_THAT(heard, Not(HasSubstr("HTTP")));
  EXPECT_THAT(journal.handshakes, ElementsAre("not_tls"));
  EXPECT_THAT(journal.lines, IsEmpty());
}

struct WithClientCertificates : SessionTls {
  WithClientCertificates()
      : SessionTls(with_tls([](config::Listener& its) {
          its.tls->client_ca = tls::file_of("ca.pem", terms().root.chain());
          its.tls->verify = config::ClientVerify::Required;
        })) {}
};

// With TLS 1.3 the client learns of that only behind its own part.
TEST_F(WithClientCertificates, WhoShowsNoneIsNotServed) {
  greet();
  when([this] { return is_greeted(); }, [this] { client->say(request); });
  when([this] { return client->is_over(); });
  run_to_end();
  EXPECT_FALSE(client->was_told());
  EXPECT_EQ(client->heard, "");
  EXPECT_THAT(journal.handshakes, ElementsAre("certificate"));
  EXPECT_THAT(journal.lines, IsEmpty());
}

TEST_F(SessionTls, AHandshakeHasItsTime) {
  Fd silent = connect();
  when([this] { return journal.connections == 1; }, [this] { let_time_pass(); });
  EXPECT_TRUE(is_about(run_to_end(), 15 * second));
  EXPECT_THAT(journal.handshakes, ElementsAre("timeout"));
  EXPECT_THAT(journal.lines, IsEmpty());
}

TEST_F(SessionTls, WhichItsBytesDoNotProlong) {
  Fd slow = connect();
  say(slow, "\x16\x03\x01");
  when([this] { return journal.connections == 1; },
       [this] {
         let_time_pass();
         moment.set(10 * second);
       });
  when([this] { return moment.has_come(); }, [&] { say(slow, std::string("\x02\x00", 2)); });
  EXPECT_TRUE(is_about(run_to_end(), 15 * second));
  EXPECT_THAT(journal.handshakes, ElementsAre("timeout"));
}

TEST_F(SessionTls, WhoLeavesInsideOfOneIsGone) {
  for (const std::string_view said : {"", "\x16\x03\x01"}) {
    journal.handshakes.clear();
    std::optional<Fd> one = connect();
    say(*one, said);
    when([this] { return journal.connections == 1; }, [&] { one.reset(); });
    when([this] { return journal.connections == 0; });
    run();
    EXPECT_THAT(journal.handshakes, ElementsAre("closed")) << said.size();
    EXPECT_THAT(journal.lines, IsEmpty());
  }
}

// ---- What is agreed on -------------------------------------------------------------------------

TEST_F(SessionTls, Http2IsHandedOver) {
  greet({"h2", "http/1.1"});
  when([this] { return journal.http2 == 1; });
  run();
  EXPECT_EQ(client->its().alpn(), "h2");
  EXPECT_THAT(journal.handshakes, ElementsAre("none"));
  client.reset();
  when([this] { return journal.http2 == 0 && journal.connections == 0; });
  run();
}

TEST_F(SessionTls, AClientWithoutAWishIsServed) {
  greet({});
  when([this] { return is_greeted(); }, [this] { client->say(last_request); });
  when([this] { return client->is_over(); });
  run();
  EXPECT_THAT(client->heard, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(client->its().alpn(), "");
}

struct OnlyHttp1 : SessionTls {
  OnlyHttp1() : SessionTls(with_tls([](config::Listener& its) { its.http2 = false; })) {}
};

TEST_F(OnlyHttp1, IsWhatIsSpoken) {
  greet({"h2", "http/1.1"});
  when([this] { return is_greeted(); });
  run();
  EXPECT_EQ(client->its().alpn(), "http/1.1");
}

// ---- The client leaves -------------------------------------------------------------------------

struct WhileGreeted : SessionTls {
  WhileGreeted() {
    greet();
    when([this] { return is_greeted(); });
    run();
  }
  /// The end without a farewell, which anybody on the way may have made.
  void break_off() { client->tcp().shut_down(); }
  void say_farewell() { client->its().shut_down(); }
};

TEST_F(WhileGreeted, BetweenRequestsEitherEndIsOne) {
  say_farewell();
  run_to_end();
  EXPECT_THAT(journal.lines, IsEmpty());
  greet();
  when([this] { return is_greeted(); }, [this] { break_off(); });
  run_to_end();
  EXPECT_THAT(journal.lines, IsEmpty());
}

TEST_F(WhileGreeted, InsideOfARequestItIsGone) {
  add_filter(std::make_shared<PatientFilter>());
  for (const bool with_farewell : {true, false}) {
    journal.lines.clear();
    if (!client) {
      greet();
      when([this] { return is_greeted(); });
      run();
    }
    client->say(large_post);
    with_farewell ? say_farewell() : break_off();
    run_to_end();
    EXPECT_THAT(journal.lines, ElementsAre("/post 499 client_gone"));
    client.reset();
  }
}

TEST_F(WhileGreeted, AFarewellWhileItIsServedIsLeaving) {
  auto pause = std::make_shared<PausingFilter>();
  add_filter(pause);
  client->say(request);
  say_farewell();
  when([&] { return pause->wakers.size() == 1; }, [this] { let_time_pass(); });
  EXPECT_TRUE(is_about(run_to_end(), second));
  EXPECT_THAT(journal.lines, ElementsAre("/ 499 client_gone"));
}

TEST_F(WhileGreeted, WhoIsServedQuicklyMayHaveSaidIt) {
  auto pause = std::make_shared<PausingFilter>();
  add_filter(pause);
  client->say(request);
  say_farewell();
  when([&] { return pause->wakers.size() == 1; }, [&] { pause->wakers[0].fire(); });
  when([this] { return client->is_over(); });
  run_to_end();
  EXPECT_THAT(client->heard, EndsWith("\r\n\r\n/"));
  EXPECT_THAT(journal.lines, ElementsAre("/ 200 -"));
}

struct Finishes : SessionTls {
  Finishes()
      : SessionTls(with_tls([](config::Listener& its) {
          its.limits.client_close = config::ClientClose::Finish;
        })) {}
};

// As `finish` says; an end without a farewell is none.
TEST_F(Finishes, BehindAFarewellOnly) {
  auto pause = std::make_shared<PausingFilter>();
  add_filter(pause);
  for (const bool with_farewell : {true, false}) {
    SCOPED_TRACE(with_farewell);
    journal.lines.clear();
    pause->wakers.clear();
    greet();
    when([this] { return is_greeted(); },
         [&] {
           client->say(request);
           with_farewell ? client->its().shut_down() : client->tcp().shut_down();
         });
    when([&] { return pause->wakers.size() == 1; },
         [this] {
           moment.set(3 * second);
           let_time_pass();
         });
    when([&] { return moment.has_come() || listener->sessions() == 0; },
         [&] { pause->wakers[0].fire(); });
    run_to_end();
    EXPECT_THAT(journal.lines, ElementsAre(with_farewell ? "/ 200 -" : "/ 499 client_gone"));
    time.pass_while([] { return false; });
  }
}

// ---- weir ends it ------------------------------------------------------------------------------

TEST_F(WhileGreeted, WhoIsIdleHearsAFarewell) {
  client->say(request);
  when([this] { return has_heard("\r\n\r\n/"); }, [this] { let_time_pass(); });
  when([this] { return client->is_over(); });
  EXPECT_TRUE(is_about(run_to_end(), 30 * second));
  EXPECT_TRUE(client->was_told());
}

TEST_F(SessionTls, InsideOfAHandshakeNobodyIsWaitedFor) {
  for (const bool at_once : {true, false}) {
    Fd silent = connect();
    std::string heard;
    when([this] { return journal.connections == 1; },
         [this, at_once] { (void)listener->go_on(at_once); });
    if (!at_once) {
      run();
      listener->set_draining(true);
      moment.set(2 * second);
      let_time_pass();
      when([this] {
        (void)listener->go_on();
        return listener->sessions() == 0;
      });
    }
    when([&] { return hear(silent, heard); });
    run();
    EXPECT_EQ(heard, "");
    EXPECT_EQ(journal.connections, 0);
  }
}

TEST_F(WhileGreeted, WhoIsServedIsExpelledWithAnAnswer) {
  auto pause = std::make_shared<PausingFilter>();
  add_filter(pause);
  client->say(request);
  when([&] { return pause->wakers.size() == 1; },
       [this] {
         listener->set_draining(true);
         (void)listener->go_on(true);
       });
  when([this] { return client->is_over(); });
  run();
  EXPECT_THAT(client->heard, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(client->heard, HasSubstr("\r\nConnection: close\r\n"));
  EXPECT_TRUE(client->was_told());
  EXPECT_THAT(journal.lines, ElementsAre("/ 503 drain_timeout"));
}

}  // namespace
}  // namespace weir::proxy
