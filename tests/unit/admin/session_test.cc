// SPDX-License-Identifier: Apache-2.0
//
// How long a client of an admin socket may be silent, with the clock in the test's hand.
#include "admin/session.h"

#include "fakes/fake_fleet.h"
#include "fakes/steps.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>

namespace weir::admin {
namespace {

constexpr std::uint64_t second = 1'000'000;

struct AdminSessionTest : testing::Test {
  AdminSessionTest() {
    int both[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both), 0);
    client = Fd(both[0]);
    sessions.push_back(
        *new AdminSession(loop, around.fleet, Fd(both[1]), config::AdminLevel::Admin));
  }
  ~AdminSessionTest() override {
    while (AdminSession* session = sessions.pop_front()) delete session;
  }

  void say(std::string_view text) {
    EXPECT_EQ(::send(client.get(), text.data(), text.size(), MSG_NOSIGNAL),
              static_cast<ssize_t>(text.size()));
  }
  /// Adds what has come; true at the end.
  bool hear() {
    char bytes[4096];
    ssize_t count;
    while ((count = ::recv(client.get(), bytes, sizeof(bytes), 0)) > 0)
      heard.append(bytes, static_cast<std::size_t>(count));
    return count == 0;
  }
  bool hears(std::string_view text) { return !hear() && heard.find(text) != std::string::npos; }
  void pass_time() {
    from = clock.monotonic_us();
    time.pass_while([] { return true; });
  }
  std::uint64_t passed() const { return clock.monotonic_us() - from; }

  test::ManualClock clock;
  event::Loop loop{clock};
  test::TimeKeeper time{loop, clock};
  test::Steps steps{loop, &time};
  test::FakeFleet around{loop};
  List<AdminSession> sessions;
  Fd client;
  std::string heard;
  std::uint64_t from = 0;
};

TEST_F(AdminSessionTest, ASilentClientIsDisconnectedAfterTenMinutes) {
  pass_time();
  steps.when([&] { return hear(); }).run();
  EXPECT_GE(passed(), 600 * second);
  EXPECT_LT(passed(), 601 * second);
  EXPECT_EQ(heard, "");
}

TEST_F(AdminSessionTest, TheTimeBeginsAnewWithEachCommand) {
  steps
      .when([&] { return loop.wheel().next_us() != 0; },
            [&] {
              clock.advance(500 * second);
              say("nonsense\n");
            })
      .when([&] { return hears("error unknown"); }, [&] { pass_time(); })
      .when([&] { return hear(); })
      .run();
  EXPECT_GE(passed(), 600 * second);
  EXPECT_LT(passed(), 601 * second);
}

TEST_F(AdminSessionTest, AClientThatWatchesMayBeSilent) {
  say("watch\n");
  steps.when([&] { return hears("ok"); }, [&] { pass_time(); })
      .when([&] { return loop.wheel().next_us() == 0; })
      .run();
  EXPECT_FALSE(hear());
}

}  // namespace
}  // namespace weir::admin
