// SPDX-License-Identifier: Apache-2.0
//
// Checks of servers with several addresses, on real sockets: they take turns, and fail only if all fail.
#include "upstream/address_set.h"
#include "upstream/health.h"
#include "upstream/scripted_origin.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::upstream {
namespace {

using namespace std::chrono_literals;
using Known = Health::Known;

const std::string ok = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const std::string busy = "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n";

net::Address loopback(int host, std::uint16_t port) {
  net::Address address = *net::Address::from_ip("127.0.0." + std::to_string(host));
  address.set_port(port);
  return address;
}

struct HealthAddresses : testing::Test, HealthEvents {
  HealthAddresses() {
    time.pass_while([this] { return health.running() == 0; });
    origins.push_back(
        std::make_unique<ScriptedOrigin>(loop, std::deque<ScriptedOrigin::Answer>{{ok}}));
    const std::uint16_t port = origins[0]->address().port();
    for (int host : {2, 3})
      origins.push_back(std::make_unique<ScriptedOrigin>(
          loop, std::deque<ScriptedOrigin::Answer>{{ok}}, loopback(host, port)));
  }

  void on_health(std::uint32_t, bool up, std::string_view why) noexcept override {
    news.push_back(up);
    reason = why;
  }

  static config::Check http() {
    config::Check check;
    check.kind = config::Check::Kind::Http;
    check.path = "/healthz";
    check.interval = 5ms;
    check.timeout = 5s;
    check.fall = 1;
    return check;
  }

  /// The addresses 127.0.0.N of the origins; 9 is of none.
  shm::AddressSet set(const std::vector<int>& hosts) const {
    std::vector<std::string> ips;
    for (int host : hosts) ips.push_back({'\x7f', '\0', '\0', static_cast<char>(host)});
    return to_set(ips, origins[0]->address().port(), {});
  }
  std::size_t asked(std::size_t i) const { return origins[i]->requests().size(); }

  test::ManualClock clock;
  event::Loop loop{clock};
  test::TimeKeeper time{loop, clock};
  Play play{loop, &time};
  std::vector<std::unique_ptr<ScriptedOrigin>> origins;
  Health health{loop, *this, 1};
  std::vector<bool> news;
  std::string reason;
};

TEST_F(HealthAddresses, TakeTurns) {
  health.add(7, http(), set({1, 2, 3}), Known::Nothing, true);
  play.when([&] { return health.counts().passed >= 6; }).run();
  for (std::size_t i = 0; i < 3; ++i) EXPECT_GE(asked(i), 2U) << i;
  EXPECT_EQ(news, std::vector<bool>{true});
}

TEST_F(HealthAddresses, FailOnlyIfAllDo) {
  origins[1]->answer({{busy}});
  health.add(7, http(), set({1, 2, 9}), Known::Nothing, true);
  play.when([&] { return health.counts().passed >= 6; }, [&] { origins[0]->answer({{busy}}); })
      .when([&] { return news.size() == 2; })
      .run();
  EXPECT_EQ(news, (std::vector<bool>{true, false}));
  for (const char* part : {"127.0.0.1:", "127.0.0.2:", "127.0.0.9:", "503", "connection refused"})
    EXPECT_NE(reason.find(part), std::string::npos) << part << " in " << reason;
  EXPECT_GT(asked(1), 0U);
  EXPECT_EQ(health.counts().failed, 1U);
}

TEST_F(HealthAddresses, TheFirstCheckLooksAtAll) {
  for (std::size_t i : {0, 1}) origins[i]->answer({{busy}});
  health.add(7, http(), set({1, 2, 3}), Known::Nothing, true);
  play.when([&] { return !news.empty(); }).run();
  EXPECT_EQ(news, std::vector<bool>{true});
}

TEST_F(HealthAddresses, AddressesComeAndGo) {
  health.add(7, http(), set({1}), Known::Up, true);
  play.when([&] { return asked(0) >= 2; },
            [&] {
              health.set_addresses(7, set({1, 2}));
            })
      .when([&] { return asked(1) >= 2; },
            [&] {
              origins[0]->answer({{busy}});
              origins[1]->answer({{busy}});
              health.set_addresses(7, set({3}));
            })
      .when([&] { return asked(2) >= 2; })
      .run();
  EXPECT_TRUE(news.empty()) << "it is up all the time";
}

TEST_F(HealthAddresses, AnAddressThatLeavesIsNotWaitedFor) {
  origins[0]->answer({});
  origins[0]->stay_open();
  health.add(7, http(), set({1}), Known::Nothing, true);
  play.when([&] { return origins[0]->has_heard(); },
            [&] {
              health.set_addresses(7, set({2, 3}));
            })
      .when([&] { return !news.empty(); })
      .run();
  EXPECT_EQ(news, std::vector<bool>{true});
  EXPECT_EQ(health.counts().failed, 0U);
}

struct HostCase {
  std::string name;
  bool is_named;
  std::string set, expected;
};

class HostOfChecks : public HealthAddresses, public testing::WithParamInterface<HostCase> {};

TEST_P(HostOfChecks, IsTheNameOfTheServer) {
  const std::string port = std::to_string(origins[0]->address().port());
  config::Check check = http();
  check.host = GetParam().set;
  health.add(7, check, set({1}), Known::Nothing, true,
             {nullptr, GetParam().name, config::ServerProtocol::Http1, {}, GetParam().is_named});
  play.when([&] { return !news.empty(); }).run();
  std::string expected = GetParam().expected;
  if (expected.ends_with(':')) expected += port;
  EXPECT_NE(origins[0]->requests()[0].find("\r\nHost: " + expected + "\r\n"), std::string::npos)
      << origins[0]->requests()[0];
}

INSTANTIATE_TEST_SUITE_P(Health, HostOfChecks,
                         testing::Values(HostCase{"app.test", true, "", "app.test:"},
                                         HostCase{"app.test", true, "other.test", "other.test"},
                                         HostCase{"127.0.0.1", false, "", "127.0.0.1:"}));

}  // namespace
}  // namespace weir::upstream
