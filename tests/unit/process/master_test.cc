// SPDX-License-Identifier: Apache-2.0
//
// The master while weir runs: in which order it starts the others, what it does when one dies, hangs or cannot be started,
// who gets the listening sockets meanwhile, and what follows from signals and control's orders.
#include "process/master.h"

#include "process/mastering.h"
#include "shm/black_box.h"

#include <gmock/gmock.h>

namespace weir::process {
namespace {

using net::MessageType;
using testing::Contains;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Not;

using MasterTest = Mastering;

constexpr Role roles[] = {Role::Writer, Role::Control, Role::Worker};

std::string role_of(const testing::TestParamInfo<Role>& info) { return role_name(info.param); }

// ---- The start ---------------------------------------------------------------------------------

TEST_F(MasterTest, WorkersStartWhenControlIsReady) {
  when_ready([this] { raise(SIGINT); });
  EXPECT_EQ(run(), 0);
  events.resize(4);
  EXPECT_THAT(events,
              ElementsAre("writer setup", "control setup", "worker 0 setup", "worker 1 setup"));
}

TEST_F(MasterTest, AndNotBefore) {
  manners(Role::Control).becomes_ready = false;
  after(3600 * second, [this] { raise(SIGINT); });
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(started(Role::Worker), 0U);
}

struct EachRole : Mastering, testing::WithParamInterface<Role> {};
INSTANTIATE_TEST_SUITE_P(Roles, EachRole, testing::ValuesIn(roles), role_of);

TEST_P(EachRole, ThatDiesAtTheStartEndsIt) {
  manners(GetParam()).dies = 1 << 8;
  EXPECT_EQ(run(), 1);
  EXPECT_EQ(started(GetParam()), 1U);
  EXPECT_EQ(ended_us, begun_us);
}

TEST_P(EachRole, ThatCannotBeStartedIsTriedAgain) {
  const std::uint64_t until = kernel.clock.monotonic_us() + second / 2;
  kernel.may_spawn = [this, until](const Child& child) {
    return child.role != GetParam() || kernel.monotonic_us() >= until;
  };
  when_ready([this] { raise(SIGINT); });
  EXPECT_EQ(run(), 0);
  EXPECT_LT(ended_us - begun_us, second);
}

TEST_F(MasterTest, SoAreAll) {
  const std::uint64_t until = kernel.clock.monotonic_us() + second / 2;
  kernel.may_spawn = [this, until](const Child&) { return kernel.monotonic_us() >= until; };
  when_ready([this] { raise(SIGINT); });
  EXPECT_EQ(run(), 0);
}

// ---- Deaths ------------------------------------------------------------------------------------

TEST_P(EachRole, ThatDiesIsStartedAgainAtOnce) {
  when_ready([] {});
  after(2 * second, [this] { die(GetParam()); });
  when_ready([this] {
    EXPECT_EQ(started(GetParam()), 2U);
    EXPECT_EQ(find(GetParam())->started_us, kernel.clock.monotonic_us());
    raise(SIGINT);
  });
  EXPECT_EQ(run(), 0);
}

TEST_P(EachRole, ThatKeepsDyingIsHeldBackLongerEachTime) {
  when_ready([this] {
    manners(GetParam()).dies = SIGSEGV;
    die(GetParam());
  });
  when([this] { return started(GetParam()) == 11; },
       [this] {
         manners(GetParam()).dies = -1;
         std::vector<std::uint64_t> waits;
         std::uint64_t before = 0;
         for (const auto& each : kernel.processes) {
           if (each.role != GetParam() || each.index != 0) continue;
           if (before != 0) waits.push_back((each.started_us - before) / 100'000);
           before = each.started_us;
         }
         EXPECT_THAT(waits, ElementsAre(0, 1, 2, 4, 8, 16, 32, 64, 100, 100));
       });
  // Who has lived for a second is not young any more.
  when_ready([] {});
  after(2 * second, [this] { die(GetParam()); });
  when_ready([this] {
    EXPECT_EQ(find(GetParam())->started_us, kernel.clock.monotonic_us());
    raise(SIGINT);
  });
  EXPECT_EQ(run(), 0);
}

// For a while none of them runs.
TEST_F(MasterTest, LivesOnWhenAllOthersKeepDying) {
  when_ready([this] {
    for (Role role : roles) {
      manners(role).dies = SIGKILL;
      die(role);
    }
    die(Role::Worker, 1);
  });
  after(60 * second, [this] {
    for (Role role : roles) manners(role).dies = -1;
  });
  when_ready([this] { raise(SIGINT); });
  EXPECT_EQ(run(), 0);
}

TEST_F(MasterTest, ARequestThatKillsTwiceGoesIntoQuarantine) {
  const auto crash = [this] {
    shm::BlackBox box(*segment, 0);
    box.words() = {};
    box.words().has_client = box.words().has_request = true;
    box.words().fingerprint = 7;
    box.reached(shm::BlackBox::Part::Request);
    die(Role::Worker, 0, SIGSEGV);
  };
  when_ready(crash).when_ready([this, crash] {
    EXPECT_FALSE(has("control quarantined"));
    crash();
  });
  when([this] { return has("control quarantined"); }, [this] { raise(SIGINT); });
  EXPECT_EQ(run(), 0);
}

// ---- Sockets -----------------------------------------------------------------------------------

TEST_F(MasterTest, TheSocketsOfADeadWorkerGoToTheOthers) {
  when_ready([this] {
    EXPECT_TRUE(watches(0, 0) && watches(1, 1));
    manners(Role::Worker).becomes_ready = false;
    die(Role::Worker, 0);
  });
  when([this] { return started(Role::Worker) == 2; },
       [this] {
         EXPECT_TRUE(watches(0, 1) && watches(1, 1));
         find(Role::Worker, 0)->say(MessageType::Ready);
       });
  when([this] { return watches(0, 0); },
       [this] {
         EXPECT_TRUE(watches(1, 1));
         raise(SIGINT);
       });
  EXPECT_EQ(run(), 0);
}

TEST_F(MasterTest, SoDoThoseOfOneThatHangsUntilItIsEnded) {
  std::uint64_t since = 0;
  pid_t hung = 0;
  when_ready([&] {
    shm::WorkerState(*segment, 0).turn() = 1;
    hung = find(Role::Worker, 0)->pid;
    since = kernel.clock.monotonic_us();
  });
  const auto took = [&] { return kernel.clock.monotonic_us() - since; };
  when([this] { return watches(0, 1); },
       [&] {
         EXPECT_GE(took(), second);
         EXPECT_LE(took(), 2 * second + second / 2);
       });
  when([&] { return kernel.was_killed(hung, SIGABRT); },
       [&] {
         EXPECT_GE(took(), 5 * second);
         EXPECT_LE(took(), 7 * second);
         EXPECT_TRUE(kernel.was_killed(hung, SIGCONT));
         EXPECT_FALSE(kernel.was_killed(hung, SIGKILL));
         since = kernel.clock.monotonic_us();
       });
  when([&] { return kernel.was_killed(hung, SIGKILL); }, [&] { EXPECT_EQ(took() / second, 1U); });
  when_ready([this] {
    EXPECT_TRUE(watches(0, 0) && watches(1, 1));
    raise(SIGINT);
  });
  EXPECT_EQ(run(), 0);
}

TEST_F(MasterTest, IfAllHangTheyKeepTheirs) {
  when_ready([&] {
    for (std::uint32_t i = 0; i < 2; ++i) shm::WorkerState(*segment, i).turn() = 1;
  });
  after(3 * second, [this] {
    EXPECT_TRUE(watches(0, 0) && watches(1, 1));
    raise(SIGINT);
  });
  EXPECT_EQ(run(), 0);
}

TEST_F(MasterTest, WhoIsStoppedBySomebodyHangsToo) {
  when_ready([&] { kernel.change(*find(Role::Worker, 0), 0x7f | SIGSTOP << 8); });
  when([this] { return watches(0, 1); }, [this] { kernel.change(*find(Role::Worker, 0), 0xffff); });
  when([this] { return watches(0, 0); }, [this] { raise(SIGINT); });
  EXPECT_EQ(run(), 0);
  EXPECT_THAT(kernel.kills, IsEmpty());
}

// ---- Signals and orders ------------------------------------------------------------------------

TEST_F(MasterTest, LogFilesAreOpenedAgainForTheWriter) {
  when_ready([this] { raise(SIGUSR1); });
  when([this] { return has("writer logs"); }, [this] { raise(SIGINT); });
  EXPECT_EQ(run(), 0);
}

TEST_F(MasterTest, AReloadThatIsWantedAtTheStartBeginsWhenItIsOver) {
  make();
  raise(SIGHUP);
  raise(SIGWINCH);
  when([this] { return find(Role::Loader) != nullptr; },
       [this] {
         EXPECT_EQ(ready, 4U);
         raise(SIGINT);
       });
  EXPECT_EQ(run(), 0);
}

struct Ordered {
  const char* name;
  MessageType type;
  const char* bytes;
  const char* answer;
};
struct OrderWhileItEnds : Mastering, testing::WithParamInterface<Ordered> {};
INSTANTIATE_TEST_SUITE_P(
    Orders, OrderWhileItEnds,
    testing::Values(Ordered{"Load", MessageType::Load, "load\tuid 0\t7",
                            "control refused 7\ta reload is under way; try again"},
                    Ordered{"Upgrade", MessageType::Upgrade, "uid 0\t8",
                            "control refused 8\tweir starts or ends"}),
    [](const auto& each) { return each.param.name; });

TEST_P(OrderWhileItEnds, IsRefused) {
  manners(Role::Worker).drains = false;
  when_ready([this] { raise(SIGTERM); });
  after(second, [this] { find(Role::Control)->say(GetParam().type, GetParam().bytes); });
  when([this] { return has(GetParam().answer); }, [this] { raise(SIGINT); });
  EXPECT_EQ(run(), 0);
}

TEST_F(MasterTest, OnlyControlGivesOrders) {
  when_ready([this] {
    for (Role role : {Role::Worker, Role::Writer}) {
      find(role)->say(MessageType::Shutdown, "1000");
      find(role)->say(MessageType::Load, "load\tuid 0\t7");
      find(role)->say(MessageType::Committed);
      find(role)->say(MessageType::Refused, "no");
    }
  });
  after(second, [this] {
    EXPECT_FALSE(has("worker 0 drain"));
    EXPECT_EQ(find(Role::Loader), nullptr);
    raise(SIGINT);
  });
  EXPECT_EQ(run(), 0);
}

// ---- How many workers --------------------------------------------------------------------------

struct Staff : Mastering {
  /// A reload to so many workers.
  void reload_to(std::uint32_t workers) {
    when([] { return true; }, [this] { raise(SIGHUP); });
    when([this] { return find(Role::Loader) != nullptr; },
         [this, workers] {
           Plan next = plan;
           next.workers = workers;
           const Fd one = some("made");
           find(Role::Loader)
               ->say(MessageType::Plan, write_plan(next), {one.get(), one.get(), one.get()});
         });
    when([this] { return has("control something"); },
         [this] { find(Role::Control)->say(MessageType::Prepare); });
    when([this] { return has("worker 1 something"); },
         [this] {
           for (std::uint32_t i = 0; i < plan.workers; ++i)
             find(Role::Worker, i)->say(MessageType::Prepared, "2");
         });
    after(0, [this, workers] {
      shm::Generation generation(*segment);
      generation.commit(2);
      for (std::uint32_t i = 0; i < 3; ++i) generation.run(i, 2);
      plan.workers = workers;
      find(Role::Control)->say(MessageType::Committed);
    });
  }
};

TEST_F(Staff, GrowsWithAReload) {
  when_ready([] {});
  reload_to(3);
  when_ready([this] {
    EXPECT_TRUE(find(Role::Worker, 2));
    raise(SIGINT);
  });
  EXPECT_EQ(run(), 0);
}

TEST_F(Staff, ShrinksAndWhoGoesFinishesFirst) {
  manners(Role::Worker).drains = false;
  when_ready([] {});
  reload_to(1);
  when([this] { return has("worker 1 drain"); },
       [this] {
         EXPECT_TRUE(find(Role::Worker, 1));
         EXPECT_TRUE(watches(0, 0));
         die(Role::Worker, 1, 0);
       });
  after(60 * second, [this] {
    EXPECT_EQ(started(Role::Worker, 1), 1U);
    EXPECT_FALSE(has("worker 0 drain"));
    raise(SIGINT);
  });
  EXPECT_EQ(run(), 0);
}

// It was started before the commit, and has not prepared.
TEST_F(Staff, WhoStartsWithAFormerGenerationIsReplaced) {
  when_ready([this] {
    manners(Role::Worker).becomes_ready = false;
    die(Role::Worker, 0);
  });
  when([this] { return started(Role::Worker) == 2; }, [] {});
  reload_to(2);
  after(0, [this] {
    manners(Role::Worker).becomes_ready = true;
    find(Role::Worker, 0)->say(MessageType::Ready);
  });
  when([this] { return started(Role::Worker) == 3; }, [this] { raise(SIGINT); });
  EXPECT_EQ(run(), 0);
}

}  // namespace
}  // namespace weir::process
