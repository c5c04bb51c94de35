// SPDX-License-Identifier: Apache-2.0
//
// How long a client of an admin socket may be silent, with the clock in the test's hand.
#include "admin/session.h"

#include "fakes/steps.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>

namespace weir::admin {
namespace {

constexpr std::uint64_t second = 1'000'000;

/// A daemon of which nothing is asked here.
struct Nothing : Daemon, Reloads, DrainEvents, upstream::RegistryEvents, upstream::HealthEvents {
  void shut_down(std::uint64_t) override {}
  bool set_log_level(std::string_view) override { return false; }
  std::uint64_t seen_by_all() const override { return 0; }
  std::uint64_t state_written() const override { return 0; }
  std::uint64_t state_synced() const override { return 0; }
  std::uint64_t ask_workers() override { return 0; }
  std::uint64_t answered_by_all() const override { return 0; }
  void keep_result(const std::string&, const OperationResult&) override {}
  const OperationResult* find_result(const std::string&) const override { return nullptr; }
  Ticket plan(std::string_view, const LoadFrom&) override { return 0; }
  Ticket reload(std::string_view, const LoadFrom&, std::uint64_t) override { return 0; }
  Ticket rollback(std::string_view, std::uint64_t) override { return 0; }
  Ticket upgrade(std::string_view, bool) override { return 0; }
  const Outcome* outcome(Ticket) const override { return nullptr; }
  Result<void> confirm(std::string_view) override { return {}; }
  std::optional<Unconfirmed> unconfirmed() const override { return {}; }
  weir::Result<std::uint64_t> last_good() const override { return 1; }
  std::vector<GenerationRow> generations() const override { return {}; }
  Result<std::vector<config::Change>> changes_of(std::uint64_t) const override {
    return std::vector<config::Change>();
  }
  void on_drain_order() noexcept override {}
  void on_published() noexcept override {}
  void on_server_event(const upstream::ServerEvent&) noexcept override {}
  void on_override(std::uint32_t) noexcept override {}
  void on_removed(std::uint32_t) noexcept override {}
  void on_health(std::uint32_t, bool, std::string_view) noexcept override {}
};

struct AdminSessionTest : testing::Test {
  AdminSessionTest() {
    int both[2];
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, both), 0);
    client = Fd(both[0]);
    sessions.push_back(*new AdminSession(loop, fleet, Fd(both[1]), config::AdminLevel::Admin));
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
  shm::Segment segment = *shm::Segment::create({});
  config::Config config;
  Nothing nothing;
  Events events;
  Audit audit;
  upstream::Registry registry{segment, config, nothing};
  upstream::Health health{loop, nothing, 1};
  Drains::Present present = [this]() -> const config::Config& { return config; };
  Drains drains{loop, segment, present, events, nothing};
  Fleet fleet{.view = std::make_shared<View>(),
              .registry = registry,
              .health = health,
              .counters = shm::Counters(segment, 0),
              .workers = {},
              .segment = segment,
              .events = events,
              .audit = audit,
              .daemon = nothing,
              .reloads = nothing,
              .drains = drains};
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
