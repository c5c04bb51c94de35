// SPDX-License-Identifier: Apache-2.0
//
// Checks of servers on real sockets: what follows from results in a row, when checks come, and that a stall
// of our own is not blamed on a server.
#include "upstream/health.h"

#include "upstream/address_set.h"
#include "upstream/scripted_origin.h"

#include <gtest/gtest.h>

#include <sys/resource.h>

#include <string>
#include <vector>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;
using Known = Health::Known;
using enum CheckOutcome;

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string busy = "HTTP/1.1 503 Busy\r\nContent-Length: 8\r\n\r\nstarting";

struct News {
  std::uint32_t slot;
  bool up;
  std::string why;
  bool operator==(const News&) const = default;
};
void PrintTo(const News& news, std::ostream* out) {
  *out << news.slot << (news.up ? " up: " : " down: ") << news.why;
}

/// Takes a single address for a set of one.
struct SingleHealth : Health {
  using Health::add;
  using Health::Health;
  void add(std::uint32_t slot, const config::Check& check, const net::Address& address, Known known,
           bool at_once, Secure secure = {}) {
    add(slot, check, to_set(address), known, at_once, std::move(secure));
  }
  void set_address(std::uint32_t slot, const net::Address& address) {
    set_addresses(slot, to_set(address));
  }
};

struct HealthTest : testing::Test, HealthEvents {
  void on_health(std::uint32_t slot, bool up, std::string_view why) noexcept override {
    news.push_back({slot, up, std::string(why)});
    on_news();
  }

  static config::Check tcp() {
    config::Check check;
    check.interval = 5ms;
    check.timeout = 5s;
    return check;
  }
  static config::Check http() {
    config::Check check = tcp();
    check.kind = config::Check::Kind::Http;
    check.path = "/healthz";
    return check;
  }

  /// Checks slot 7 until something is said about it; returns that.
  News first_news(const config::Check& check, const net::Address& address) {
    health.add(7, check, address, Known::Nothing, true);
    play.when([this] { return !news.empty(); }).run();
    return news.empty() ? News{} : news[0];
  }

  std::vector<CheckOutcome> outcomes(std::uint32_t slot) const {
    std::vector<CheckOutcome> all;
    for (const CheckResult& result : health.results(slot)) all.push_back(result.outcome);
    return all;
  }

  /// Checks that counted, of all slots.
  std::size_t conclusive() const { return health.counts().passed + health.counts().failed; }

  HealthTest() {
    time.pass_while([this] { return health.running() == 0 || is_silent(); });
  }

  test::ManualClock clock;
  event::Loop loop{clock};
  test::TimeKeeper time{loop, clock};
  Play play{loop, &time};
  SingleHealth health{loop, *this, 1};
  std::vector<News> news;
  std::function<void()> on_news = [] {};
  /// A server that does not answer has the request of the present check: only time can end that one.
  std::function<bool()> is_silent = [] { return false; };
  void never_answers(const ScriptedOrigin& origin) {
    is_silent = [&] { return origin.requests().size() > health.results(7).size(); };
  }
};

TEST_F(HealthTest, TcpIsUpWhileSomebodyListens) {
  ScriptedOrigin origin(loop, {});
  config::Check check = tcp();
  check.fall = 2;
  health.add(3, check, origin.address(), Known::Nothing, true);
  play.when([&] { return news.size() == 1; }, [&] { origin.close(); })
      .when([&] { return news.size() == 2; })
      .run();
  EXPECT_EQ(news, (std::vector<News>{{3, true, "connected"}, {3, false, "connection refused"}}));
  EXPECT_EQ(origin.requests().size(), 0U);
  EXPECT_EQ(health.counts().failed, 2U);
  EXPECT_GE(health.counts().passed, 1U);
}

TEST_F(HealthTest, NoAnswerInTime) {
  ScriptedOrigin origin(loop, {});
  config::Check check = http();
  check.timeout = 20ms;
  never_answers(origin);
  EXPECT_EQ(first_news(check, origin.address()), (News{7, false, "connected, no answer in 20ms"}));
  EXPECT_GE(health.results(7)[0].took_us, 20'000U);
}

TEST_F(HealthTest, UnixSocket) {
  const std::string path = testing::TempDir() + "weir-health-" + std::to_string(getpid());
  const auto at = *net::Address::from({config::Endpoint::Kind::Unix, path, 0, ""});
  config::Check check = http();
  check.port = 80;  // has no meaning here
  check.fall = 1;
  {
    ScriptedOrigin origin(loop, {{ok}}, at);
    health.add(0, check, at, Known::Nothing, true);
    play.when([&] { return news.size() == 1; },
              [&] {
                EXPECT_NE(origin.requests()[0].find("\r\nHost: localhost\r\n"), std::string::npos);
                origin.close();
              })
        .when([&] { return news.size() == 2; }, [&] { ::unlink(path.c_str()); })
        .when([&] { return health.results(0).back().seen == "no such file or directory"; })
        .run();
  }
  EXPECT_EQ(news, (std::vector<News>{{0, true, "200"}, {0, false, "connection refused"}}));
}

TEST_F(HealthTest, ThePortOfTheCheckIsUsed) {
  ScriptedOrigin origin(loop, {{ok}});
  config::Check check = http();
  check.port = origin.address().port();
  EXPECT_EQ(first_news(check, ip4(1)), (News{7, true, "200"}));
  EXPECT_NE(origin.requests()[0].find("\r\nHost: " + origin.address().text() + "\r\n"),
            std::string::npos);
}

struct CountingCase {
  Known known;
  std::string answers;            ///< + and -, the last again and again
  std::vector<std::size_t> news;  ///< after which checks something is said
};

class CountingTest : public HealthTest, public testing::WithParamInterface<CountingCase> {};

TEST_P(CountingTest, ResultsInARowDecide) {
  const std::string& answers = GetParam().answers;
  ScriptedOrigin origin(loop, {});
  origin.on_request = [&] {
    const std::size_t number = std::min(conclusive(), answers.size() - 1);
    origin.answer({{answers[number] == '+' ? ok : busy}});
  };
  config::Check check = http();
  check.rise = 2;
  check.fall = 3;
  std::vector<std::size_t> said;
  on_news = [&] { said.push_back(conclusive()); };
  health.add(7, check, origin.address(), GetParam().known, true);
  play.when([&] { return conclusive() >= answers.size(); }).run();
  EXPECT_EQ(said, GetParam().news);
  for (std::size_t i = 1; i < news.size(); ++i) EXPECT_NE(news[i].up, news[i - 1].up);
}

INSTANTIATE_TEST_SUITE_P(Health, CountingTest,
                         testing::Values(CountingCase{Known::Nothing, "+", {1}},
                                         CountingCase{Known::Nothing, "-", {1}},
                                         CountingCase{Known::Nothing, "-+-++", {1, 5}},
                                         CountingCase{Known::Nothing, "+--+---", {1, 7}},
                                         CountingCase{Known::Up, "++--+--", {}},
                                         CountingCase{Known::Up, "---++---", {3, 5, 8}},
                                         CountingCase{Known::Down, "--+-++", {6}}));

TEST_F(HealthTest, FastWhileCountingAndDownWhileDown) {
  // With the ordinary interval nothing would come of it in time.
  ScriptedOrigin origin(loop, {{busy}});
  config::Check check = http();
  check.interval = 1h;
  check.fast = check.down = 5ms;
  health.add(7, check, origin.address(), Known::Up, true);
  play.when([&] { return news.size() == 1; })
      .when([&] { return health.results(7).size() == 6; }, [&] { origin.answer({{ok}}); })
      .when([&] { return news.size() == 2; })
      .run();
  EXPECT_EQ(news, (std::vector<News>{{7, false, "503, body \"starting\""}, {7, true, "200"}}));
}

TEST_F(HealthTest, KeepsTheLastResultsInOrder) {
  ScriptedOrigin origin(loop, {{ok}});
  health.add(7, http(), origin.address(), Known::Nothing, true);
  play.when([&] { return health.counts().passed == 20; }).run();
  const auto results = health.results(7);
  ASSERT_EQ(results.size(), Health::most_results);
  for (std::size_t i = 1; i < results.size(); ++i)
    EXPECT_GE(results[i].at_us - results[i - 1].at_us, 4'000) << i;
}

TEST_F(HealthTest, StartDelayHoldsTheFirstCheckUnlessAtOnce) {
  ScriptedOrigin origin(loop, {{ok}});
  config::Check check = http();
  check.interval = 1h;
  check.start_delay = 80ms;
  const std::uint64_t added = loop.read_clock();
  std::uint64_t heard[3] = {};
  on_news = [&] { heard[news.back().slot] = loop.read_clock() - added; };
  health.add(0, check, origin.address(), Known::Nothing, false);
  health.add(1, check, origin.address(), Known::Nothing, true);
  health.add(2, check, net::Address(), Known::Nothing, false);
  health.set_address(2, origin.address());
  play.when([&] { return news.size() == 3; }).run();
  EXPECT_EQ(news[0].slot, 1U);
  EXPECT_GE(heard[0], 80'000U);
  EXPECT_GE(heard[2], 80'000U);
}

TEST_F(HealthTest, PausesWithoutAddressAndGoesOnAtANewOne) {
  ScriptedOrigin first(loop, {{ok}}), second(loop, {{busy}}), other(loop, {{ok}});
  config::Check slow = http();
  slow.interval = 1h;
  slow.fall = 1;
  const auto others = [&](std::size_t more) {
    return [&, more, from = std::size_t{0}]() mutable {
      if (from == 0) from = other.requests().size();
      return other.requests().size() >= from + more;
    };
  };
  health.add(0, http(), other.address(), Known::Up, true);
  health.add(1, slow, net::Address(), Known::Nothing, true);
  play.when(others(5),
            [&] {
              EXPECT_EQ(health.results(1).size(), 0U);
              health.set_address(1, first.address());
            })
      .when([&] { return news.size() == 1; }, [&] { health.set_address(1, first.address()); })
      .when(others(5),
            [&] {
              EXPECT_EQ(health.results(1).size(), 1U);
              health.set_address(1, second.address());
            })
      .when([&] { return news.size() == 2; }, [&] { health.set_address(1, net::Address()); })
      .when(others(5))
      .run();
  EXPECT_EQ(news, (std::vector<News>{{1, true, "200"}, {1, false, "503, body \"starting\""}}));
  EXPECT_EQ(first.requests().size(), 1U);
  EXPECT_EQ(second.requests().size(), 1U);
}

TEST_F(HealthTest, AChangedAddressDropsTheRunningCheck) {
  ScriptedOrigin silent(loop, {}), origin(loop, {{ok}});
  config::Check check = http();
  check.timeout = 1h;
  health.add(7, check, silent.address(), Known::Nothing, true);
  play.when([&] { return silent.requests().size() == 1; },
            [&] { health.set_address(7, origin.address()); })
      .when([&] { return silent.ended() == 1 && news.size() == 1; })
      .run();
  EXPECT_EQ(news[0], (News{7, true, "200"}));
  EXPECT_EQ(outcomes(7), std::vector<CheckOutcome>{Passed});
}

TEST_F(HealthTest, NothingIsToldOfARemovedSlot) {
  ScriptedOrigin silent(loop, {}), origin(loop, {{ok}});
  config::Check check = http(), brief = http();
  brief.timeout = 20ms;
  check.body_regex = brief.body_regex = "ok";
  health.add(0, brief, silent.address(), Known::Nothing, true);
  health.add(1, check, origin.address(), Known::Up, true);
  play.when([&] { return silent.requests().size() == 1; },
            [&] {
              health.remove(0);
              health.add(0, check, origin.address(), Known::Up, false);
            })
      .when([&] { return health.results(0).size() >= 10; })
      .run();
  EXPECT_EQ(news, std::vector<News>{});
  EXPECT_EQ(outcomes(0), std::vector<CheckOutcome>(health.results(0).size(), Passed));
}

TEST_F(HealthTest, ASlotMayBeRemovedWhileItTells) {
  ScriptedOrigin origin(loop, {{ok}});
  on_news = [&] { health.remove(7); };
  health.add(7, tcp(), origin.address(), Known::Nothing, true);
  health.add(8, tcp(), origin.address(), Known::Up, true);
  play.when([&] { return health.results(8).size() >= 5; }).run();
  EXPECT_EQ(news, (std::vector<News>{{7, true, "connected"}}));
}

TEST_F(HealthTest, IsDestroyedWhileChecksRun) {
  ScriptedOrigin silent(loop, {});
  auto brief = std::make_unique<SingleHealth>(loop, *this, 1);
  time.pass_while([&] { return brief && brief->running() == 0; });
  config::Check check = http();
  check.timeout = 1h;
  brief->add(0, check, silent.address(), Known::Nothing, true);
  play.when([&] { return silent.requests().size() == 1; }, [&] { brief.reset(); })
      .when([&] { return silent.ended() == 1; })
      .run();
  EXPECT_EQ(news, std::vector<News>{});
}

TEST_F(HealthTest, AStallOfOurOwnIsInconclusiveAndTheCheckIsRepeatedAtOnce) {
  ScriptedOrigin origin(loop, {});
  origin.on_request = [&] {
    if (origin.requests().size() == 1) clock.advance(250'000);
  };
  config::Check check = http();
  check.interval = 5s;
  check.timeout = 20ms;
  never_answers(origin);
  const News said = first_news(check, origin.address());
  EXPECT_EQ(said, (News{7, false, "connected, no answer in 20ms"}));
  const auto results = health.results(7);
  ASSERT_GE(results.size(), 2U);
  EXPECT_EQ(results[0].outcome, Inconclusive);
  EXPECT_EQ(results[0].seen, "connected, no answer in 20ms; weir itself was late");
  EXPECT_LT(results[1].at_us - results[0].at_us, 2'000'000);
  EXPECT_EQ(health.counts().inconclusive, results.size() - 1);
  EXPECT_EQ(health.counts().failed, 1U);
}

TEST_F(HealthTest, AFailureIsInconclusiveWhateverItLooksLike) {
  ScriptedOrigin origin(loop, {{busy}});
  origin.on_request = [&] {
    if (origin.requests().size() == 1) clock.advance(250'000);
  };
  EXPECT_EQ(first_news(http(), origin.address()), (News{7, false, "503, body \"starting\""}));
  EXPECT_EQ(health.results(7)[0].outcome, Inconclusive);
  EXPECT_EQ(health.counts().failed, 1U);
}

TEST_F(HealthTest, AnAnswerThatCameDuringAStallCounts) {
  ScriptedOrigin origin(loop, {{ok}});
  origin.on_request = [&] { clock.advance(250'000); };
  config::Check check = http();
  check.timeout = 100ms;
  EXPECT_EQ(first_news(check, origin.address()), (News{7, true, "200"}));
  EXPECT_EQ(outcomes(7), std::vector<CheckOutcome>{Passed});
}

TEST_F(HealthTest, StallsOneAfterTheOtherMakeNoTightLoop) {
  ScriptedOrigin origin(loop, {});
  origin.on_request = [&] {
    if (origin.requests().size() <= 2) clock.advance(250'000);
  };
  config::Check check = http();
  check.interval = 600ms;
  check.jitter = 0;
  check.timeout = 20ms;
  never_answers(origin);
  EXPECT_EQ(first_news(check, origin.address()).up, false);
  const auto results = health.results(7);
  ASSERT_GE(results.size(), 3U);
  EXPECT_EQ(results[0].outcome, Inconclusive);
  EXPECT_EQ(results[1].outcome, Inconclusive);
  EXPECT_LT(results[1].at_us - results[0].at_us, 600'000);
  EXPECT_GE(results[2].at_us - results[1].at_us, 599'000);
}

TEST_F(HealthTest, MayEndInAHandshake) {
  ScriptedOrigin origin(loop, {});
  config::BackendTls terms;
  terms.verify = false;
  auto client = tls::ClientContext::build(terms, {});
  ASSERT_TRUE(client);
  auto own = std::make_unique<SingleHealth>(loop, *this, 1);
  own->add(1, tcp(), origin.address(), Known::Nothing, true, {*client, "", {}, {}, false});
  time.pass_while([&] { return own->running() == 0; });
  Play(loop, &time).when([&] { return origin.has_heard(); }).run();
  own.reset();
  EXPECT_TRUE(news.empty());
}

TEST_F(HealthTest, WantOfDescriptorsIsInconclusive) {
  ScriptedOrigin origin(loop, {{ok}});
  rlimit old;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  const Fd next(::dup(origin.listening()));
  rlimit none = old;
  none.rlim_cur = static_cast<rlim_t>(next.get());
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  health.add(7, http(), origin.address(), Known::Nothing, true);
  play.when([&] { return health.results(7).size() == 1; },
            [&] { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0); })
      .when([&] { return news.size() == 1; })
      .run();
  EXPECT_EQ(health.results(7)[0].outcome, Inconclusive);
  EXPECT_EQ(health.results(7)[0].seen, "too many open files");
  EXPECT_EQ(news, (std::vector<News>{{7, true, "200"}}));
}

TEST_F(HealthTest, ASlotInUseOrUnknownIsABug) {
  health.add(7, tcp(), net::Address(), Known::Nothing, true);
  EXPECT_DEATH(health.add(7, tcp(), net::Address(), Known::Nothing, true), "assertion failed");
  EXPECT_DEATH(health.remove(8), "assertion failed");
  EXPECT_DEATH(health.set_address(6, net::Address()), "assertion failed");
}

}  // namespace
}  // namespace weir::upstream
