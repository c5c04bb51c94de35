// SPDX-License-Identifier: Apache-2.0
//
// How the master ends weir: who is told what and in which order, how long each may take, who is started again meanwhile and
// who is not, and what a second signal does.
#include "process/master.h"
#include "process/mastering.h"

#include <gmock/gmock.h>

#include <unistd.h>

namespace weir::process {
namespace {

using net::MessageType;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

struct MasterEnd : Mastering {
  /// What was said after the start.
  std::vector<std::string> last_events() const {
    return {events.begin() + static_cast<std::ptrdiff_t>(at_ready), events.end()};
  }
  /// When all are ready.
  void begin(std::function<void()> then) {
    when_ready([this, then = std::move(then)] {
      at_ready = events.size();
      since = kernel.clock.monotonic_us();
      then();
    });
  }
  /// Seconds until somebody was told something; a large number if it was not.
  std::uint64_t seconds_to(const std::string& event) const {
    const auto found = times.find(event);
    return found == times.end() ? UINT64_MAX : (found->second - since) / second;
  }
  std::uint64_t took() const { return kernel.clock.monotonic_us() - since; }
  shm::DrainPhase ending() const { return shm::Drain(*segment).ending(); }

  std::size_t at_ready = 0;
  std::uint64_t since = 0;
};

struct Way {
  const char* name;
  int signal;
  const char* word;
};
struct EachWay : MasterEnd, testing::WithParamInterface<Way> {};
INSTANTIATE_TEST_SUITE_P(Signals, EachWay,
                         testing::Values(Way{"Interrupt", SIGINT, "stop"},
                                         Way{"Terminate", SIGTERM, "drain"},
                                         Way{"Quit", SIGQUIT, "drain"}),
                         [](const auto& each) { return each.param.name; });

TEST_P(EachWay, WorkersFirstAndTheWriterLast) {
  begin([this] { raise(GetParam().signal); });
  EXPECT_EQ(run(), 0);
  const std::string word = GetParam().word;
  EXPECT_THAT(last_events(),
              ElementsAre("worker 0 " + word, "worker 1 " + word, "writer stop", "control stop"));
  EXPECT_EQ(took(), 0U);
  EXPECT_THAT(kernel.kills, IsEmpty());
}

TEST_P(EachWay, DuringTheStart) {
  manners(Role::Control).becomes_ready = false;
  when([this] { return has("control setup"); }, [this] { raise(GetParam().signal); });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(started(Role::Worker), 0U);
}

TEST_F(MasterEnd, ItsPidFileGoesLast) {
  plan.pid_file = testing::TempDir() + "weir-master-" + std::to_string(::getpid());
  Fd made(::open(plan.pid_file.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  ASSERT_TRUE(made.is_open());
  begin([this] {
    EXPECT_EQ(::access(plan.pid_file.c_str(), F_OK), 0);
    raise(SIGINT);
  });
  EXPECT_EQ(run(), 0);
  EXPECT_NE(::access(plan.pid_file.c_str(), F_OK), 0);
}

// ---- Who does not end --------------------------------------------------------------------------

TEST_F(MasterEnd, WorkersHaveTheirTimeToDrain) {
  plan.shutdown_ms = 20'000;
  manners(Role::Worker).drains = false;
  begin([this] { raise(SIGTERM); });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(seconds_to("worker 0 stop"), 20U);
}

TEST_F(MasterEnd, AnOperatorMayGiveThemLess) {
  manners(Role::Worker).drains = false;
  begin([this] { find(Role::Control)->say(MessageType::Shutdown, "2000"); });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(seconds_to("worker 0 stop"), 2U);
}

TEST_F(MasterEnd, OrAllTheTimeTheyNeed) {
  manners(Role::Worker).drains = false;
  begin([this] { raise(SIGQUIT); });
  after(7200 * second, [this] {
    EXPECT_FALSE(has("worker 0 stop"));
    for (std::uint32_t i = 0; i < 2; ++i) die(Role::Worker, i, 0);
  });
  EXPECT_EQ(run(), 0);
}

TEST_F(MasterEnd, WhoDoesNotStopIsKilled) {
  for (Role role : {Role::Writer, Role::Control, Role::Worker}) manners(role).stops = false;
  begin([this] { raise(SIGINT); });
  when([this] { return !find(Role::Worker, 0) && !find(Role::Worker, 1); },
       [this] {
         EXPECT_EQ(took() / second, 3U);
         EXPECT_EQ(kernel.kills.size(), 2U) << "the writer has their last words to write";
         since = kernel.clock.monotonic_us();
       });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(took() / second, 3U);
  EXPECT_EQ(kernel.kills.size(), 4U);
}

TEST_F(MasterEnd, ASecondSignalWaitsForNobody) {
  manners(Role::Worker).drains = false;
  begin([this] { raise(SIGTERM); });
  when([this] { return has("worker 1 drain"); }, [this] { raise(SIGTERM); });
  EXPECT_EQ(run(), 0);
  EXPECT_TRUE(has("worker 0 stop"));
  EXPECT_EQ(took(), 0U);
}

// ---- Leaving first -----------------------------------------------------------------------------

struct Leaving : MasterEnd {
  Leaving() { plan.drain_delay_ms = 5'000; }
};

TEST_F(Leaving, WorkersServeUntilTheDelayIsOver) {
  begin([this] { raise(SIGTERM); });
  when([this] { return ending() == shm::DrainPhase::Leaving; },
       [this] { EXPECT_FALSE(has("worker 0 drain")); });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(seconds_to("worker 0 drain"), 5U);
  EXPECT_EQ(ending(), shm::DrainPhase::Draining);
}

TEST_F(Leaving, ASecondSignalEndsItAtOnce) {
  begin([this] { raise(SIGTERM); });
  after(second, [this] { raise(SIGTERM); });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(took() / second, 1U);
  EXPECT_TRUE(has("worker 0 stop"));
  EXPECT_FALSE(has("worker 0 drain"));
}

TEST_F(Leaving, WhoDiesMeanwhileIsStartedAgain) {
  begin([this] { raise(SIGTERM); });
  after(2 * second, [this] { die(Role::Worker, 0); });
  when_ready([this] { EXPECT_EQ(started(Role::Worker), 2U); });
  EXPECT_EQ(run(), 0);
}

// ---- Who dies meanwhile ------------------------------------------------------------------------

TEST_F(MasterEnd, WorkersThatDieAreNotStartedAgain) {
  manners(Role::Worker).drains = false;
  begin([this] { raise(SIGTERM); });
  when([this] { return has("worker 0 drain"); }, [this] { die(Role::Worker, 0); });
  after(10 * second, [this] { die(Role::Worker, 1); });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(started(Role::Worker, 0) + started(Role::Worker, 1), 2U);
}

struct OtherRole : MasterEnd, testing::WithParamInterface<Role> {};
INSTANTIATE_TEST_SUITE_P(Roles, OtherRole, testing::Values(Role::Writer, Role::Control),
                         [](const auto& each) { return role_name(each.param); });

TEST_P(OtherRole, IsStartedAgainAsLongAsWorkersDrain) {
  manners(Role::Worker).drains = false;
  begin([this] { raise(SIGTERM); });
  after(2 * second, [this] { die(GetParam()); });
  when_ready([this] {
    EXPECT_EQ(started(GetParam()), 2U);
    for (std::uint32_t i = 0; i < 2; ++i) die(Role::Worker, i, 0);
  });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(took() / second, 2U);
}

// It has died too often, and its turn comes while workers drain.
TEST_P(OtherRole, IsStartedAgainAlsoIfItWasHeldBack) {
  manners(Role::Worker).drains = false;
  begin([this] {
    manners(GetParam()).dies = SIGSEGV;
    die(GetParam());
  });
  when([this] { return started(GetParam()) == 5; },
       [this] {
         manners(GetParam()).dies = -1;
         raise(SIGTERM);
       });
  when_ready([this] {
    for (std::uint32_t i = 0; i < 2; ++i) die(Role::Worker, i, 0);
  });
  EXPECT_EQ(run(), 0);
}

TEST_P(OtherRole, IsNotWhenAllIsOver) {
  manners(GetParam()).stops = false;
  begin([this] { raise(SIGINT); });
  when([this] { return has(std::string(role_name(GetParam())) + " stop"); },
       [this] { die(GetParam()); });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(started(GetParam()), 1U);
}

struct HeldBack : MasterEnd, testing::WithParamInterface<Role> {};
INSTANTIATE_TEST_SUITE_P(Roles, HeldBack,
                         testing::Values(Role::Writer, Role::Control, Role::Worker),
                         [](const auto& each) { return role_name(each.param); });

// Nobody would tell it to stop: it would be killed three seconds later.
TEST_P(HeldBack, NobodyIsStartedInTheEnd) {
  begin([this] {
    manners(GetParam()).dies = SIGSEGV;
    die(GetParam());
  });
  when([this] { return started(GetParam()) == 5 && !find(GetParam()); },
       [this] {
         manners(GetParam()).dies = -1;
         for (Role role : {Role::Writer, Role::Control, Role::Worker}) manners(role).stops = false;
         raise(SIGINT);
       });
  after(2 * second, [this] {
    for (Role role : {Role::Writer, Role::Control, Role::Worker}) manners(role).stops = true;
    for (std::uint32_t i = 0; i < 2; ++i)
      if (find(Role::Worker, i)) die(Role::Worker, i, 0);
  });
  EXPECT_EQ(run(), 0);
  EXPECT_THAT(kernel.kills, IsEmpty());
  // What is in the rings is written.
  EXPECT_EQ(started(GetParam()), GetParam() == Role::Writer ? 6U : 5U);
}

}  // namespace
}  // namespace weir::process
