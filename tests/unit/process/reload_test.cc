// SPDX-License-Identifier: Apache-2.0
//
// Reloads step by step: who is told what, what ends one in each step and what does not, what is left then, and how long
// each step may take.
#include "process/reload.h"

#include "process/reloading.h"

#include <gmock/gmock.h>

namespace weir::process {
namespace {

using net::MessageType;
using testing::ElementsAre;
using testing::EndsWith;
using testing::IsEmpty;
using testing::StartsWith;

using ReloadTest = Reloading;

TEST_F(ReloadTest, GoesThroughItsSteps) {
  order();
  EXPECT_TRUE(is_reloading);
  EXPECT_EQ(loader().argument, "/etc/weir/weir.conf");
  EXPECT_GE(reload->loader_fd(), 0);
  the_kernel.clock.advance(30'000);
  loaded();
  EXPECT_EQ(reload->loader_fd(), -1);
  EXPECT_THAT(last_told(Role::Control), StartsWith("candidate 7\t2\t"));
  EXPECT_THAT(told(Role::Worker), IsEmpty());
  the_kernel.clock.advance(20'000);
  judged();
  for (std::uint32_t i = 0; i < 2; ++i) EXPECT_THAT(told(Role::Worker, i), ElementsAre("prepare"));
  worker_says(1, MessageType::Prepared, "2");
  EXPECT_THAT(told(Role::Control), IsEmpty());
  worker_says(0, MessageType::Prepared, "2");
  EXPECT_THAT(told(Role::Control), ElementsAre("prepared 2"));
  EXPECT_EQ(committed, 0);
  the_kernel.clock.advance(5'000);
  commit();
  EXPECT_EQ(committed, 1);
  EXPECT_FALSE(reload->is_idle());
  settle();
  EXPECT_THAT(last_told(Role::Control), StartsWith("settled 2\t"));
  expect_present(2);
  const About& about = assets.history.present().about;
  EXPECT_EQ(about.by, "uid 0");
  EXPECT_EQ(about.committed_us, the_kernel.clock.wall_us() - 2'000);
  EXPECT_EQ(about.took.load, 30'000U);
  EXPECT_EQ(about.took.judge, 20'000U);
  EXPECT_EQ(about.took.prepare, 0U);
  EXPECT_EQ(about.took.commit, 5'000U);
  EXPECT_EQ(about.took.settle, 2'000U);
  EXPECT_EQ(reload->deadline(), 0U);
  EXPECT_THAT(the_kernel.kills, IsEmpty());
}

TEST_F(ReloadTest, WarningsGoToControlWithTheCandidate) {
  order();
  loader_says(MessageType::Diagnostics, "weir.conf:1: a warning");
  loaded();
  EXPECT_THAT(last_told(Role::Control), EndsWith("\nweir.conf:1: a warning"));
}

TEST_F(ReloadTest, WhatALoaderSaidLastIsHeardAfterItsEnd) {
  order();
  test::FakeProcess& process = loader();
  const Fd one = some("made");
  process.say(MessageType::Plan, write_plan(next), {one.get(), one.get(), one.get()});
  the_kernel.change(process, 0);
  reload->on_exit(process.pid);
  EXPECT_THAT(last_told(Role::Control), StartsWith("candidate "));
}

// ---- What ends it ------------------------------------------------------------------------------

struct Ending {
  const char* name;
  Reloading::At step;
  void (*happen)(Reloading&);
  const char* why;
};

void one_loads_too_long(Reloading& on) { on.pass(35 * on.second); }
void die_quietly(Reloading& on) {
  on.loader().channel.close();
  on.reload->on_loader();
}
void end_first(Reloading& on) {
  test::FakeProcess& process = on.loader();
  on.the_kernel.change(process, SIGKILL);
  on.reload->on_exit(process.pid);
}
void break_a_channel(Reloading& on) {
  on.process(Role::Worker, 1).channel.close();
  on.judged();
}

using At = Reloading::At;
const Ending endings[] = {
    {"LoaderRefuses", At::Loading,
     [](Reloading& on) { on.loader_says(MessageType::Failed, "weir.conf: no good"); },
     "weir.conf: no good"},
    {"LoaderRefusesWithDiagnostics", At::Loading,
     [](Reloading& on) {
       on.loader_says(MessageType::Diagnostics, "weir.conf:3: what is this");
       on.loader_says(MessageType::Failed, "weir.conf: 1 error");
     },
     "weir.conf: 1 error\nweir.conf:3: what is this"},
    {"LoaderDies", At::Loading, die_quietly, "the loader died"},
    {"LoaderDiesAndIsReaped", At::Loading, end_first, "the loader died"},
    {"LoaderLies", At::Loading,
     [](Reloading& on) { on.loader_says(MessageType::Plan, "nonsense 1\n", 3); },
     "plan: unknown item nonsense"},
    {"LoaderForgetsTheBundle", At::Loading,
     [](Reloading& on) { on.loader_says(MessageType::Plan, write_plan(on.next), 2); },
     "the loader sent no bundle"},
    {"LoaderIsSlow", At::Loading, one_loads_too_long, "the loader took too long"},
    {"ControlRefuses", At::Judging,
     [](Reloading& on) { on.control_says(MessageType::Abandon, "nothing has changed"); },
     "nothing has changed"},
    {"ControlIsSlow", At::Judging, [](Reloading& on) { on.pass(30 * on.second); },
     "control took too long to judge"},
    {"WorkerCannotBeTold", At::Judging, break_a_channel, "worker[1]: channel: Broken pipe"},
    {"WorkerRefuses", At::Preparing,
     [](Reloading& on) { on.worker_says(1, MessageType::Refused, "out of memory"); },
     "worker[1] could not prepare: out of memory"},
    {"WorkerDies", At::Preparing, [](Reloading& on) { on.die(Role::Worker, 1); },
     "worker[1] died while it prepared"},
    {"WorkerIsSlow", At::Preparing,
     [](Reloading& on) {
       on.worker_says(0, MessageType::Prepared, "2");
       on.pass(10 * on.second);
     },
     "took too long to prepare: worker 1"},
    {"ControlLosesIt", At::Committing,
     [](Reloading& on) { on.control_says(MessageType::Abandon, "lost"); }, "lost"},
};

std::string name_of(const testing::TestParamInfo<Ending>& info) { return info.param.name; }

struct ReloadEnds : Reloading, testing::WithParamInterface<Ending> {};
INSTANTIATE_TEST_SUITE_P(All, ReloadEnds, testing::ValuesIn(endings), name_of);

TEST_P(ReloadEnds, AndAllIsAsBefore) {
  come_to(GetParam().step);
  for (Role role : {Role::Control, Role::Worker}) (void)told(role);
  const pid_t loading = GetParam().step == At::Loading ? loader().pid : 0;
  GetParam().happen(*this);
  expect_present(1);
  EXPECT_EQ(reload->deadline(), 0U);
  EXPECT_EQ(reload->loader_fd(), -1);
  EXPECT_THAT(last_told(Role::Control), StartsWith(std::string("refused 7\t") + GetParam().why));
  EXPECT_EQ(committed, 0);
  EXPECT_EQ(generation().reloads().refused, 0U) << "control counts";
  if (loading != 0) {
    EXPECT_EQ(the_kernel.find(loading)->is_there && !the_kernel.was_killed(loading, SIGKILL),
              false);
  }
  // A number that workers have heard of is not given again.
  const bool was_heard = GetParam().step >= At::Preparing || GetParam().happen == break_a_channel;
  EXPECT_EQ(reload->last(), was_heard ? 2U : 1U);
  if (was_heard) {
    EXPECT_EQ(last_told(Role::Worker), "abandon");
  } else {
    EXPECT_THAT(told(Role::Worker), IsEmpty());
  }
}

// As long as nothing is committed; the master counts what nobody else does.
struct ControlDies : Reloading, testing::WithParamInterface<At> {};
INSTANTIATE_TEST_SUITE_P(Steps, ControlDies,
                         testing::Values(At::Loading, At::Judging, At::Preparing, At::Committing));

TEST_P(ControlDies, BeforeTheCommit) {
  come_to(GetParam());
  die(Role::Control);
  expect_present(1);
  EXPECT_EQ(generation().reloads().refused, 1U);
  EXPECT_FALSE(generation().reloads().last_done);
  EXPECT_EQ(last_told(Role::Worker), GetParam() >= At::Preparing ? "abandon" : "");
}

TEST_F(ReloadTest, ControlThatDiesBehindTheCommitHasCommitted) {
  come_to(At::Committing);
  generation().commit(2);
  die(Role::Control);
  EXPECT_EQ(committed, 1);
  settle();
  expect_present(2);
  EXPECT_EQ(generation().reloads().done, 1U);
}

TEST_F(ReloadTest, ControlMayDieWhileWorkersChangeOver) {
  come_to(At::Settling);
  die(Role::Control);
  EXPECT_FALSE(reload->is_idle());
  settle();
  expect_present(2);
  EXPECT_EQ(generation().reloads().done, 1U);
}

// It may still commit: nothing but its death tells.
TEST_F(ReloadTest, ControlThatDoesNotCommitIsReplaced) {
  come_to(At::Committing);
  pass(10 * second);
  EXPECT_THAT(replaced, ElementsAre("control does not commit"));
  EXPECT_FALSE(reload->is_idle());
  EXPECT_EQ(reload->deadline(), 0U);
  die(Role::Control);
  expect_present(1);
}

TEST_F(ReloadTest, NobodyJudgesWithoutControl) {
  child(Role::Control).ready = false;
  reload->on_signal();
  loaded();
  expect_present(1);
  EXPECT_EQ(generation().reloads().refused, 1U);
}

TEST_F(ReloadTest, NorIsThereOneWithoutALoader) {
  run_out_of_processes();
  order();
  expect_present(1);
  EXPECT_THAT(told(Role::Control), ElementsAre("refused 7\tfork: no room"));
}

TEST_F(ReloadTest, APlanIsNoReload) {
  die(Role::Control);
  run_out_of_processes();
  order("plan\tuid 0\t1");
  EXPECT_EQ(generation().reloads().refused, 0U);
  EXPECT_TRUE(generation().reloads().last_done);
  order("load\tuid 0\t1");
  EXPECT_EQ(generation().reloads().refused, 1U);
}

// ---- What does not -----------------------------------------------------------------------------

struct EachStep : Reloading, testing::WithParamInterface<At> {
  /// Whatever may be said too late or too early.
  void say_what_is_out_of_place(At step) {
    if (step != At::Judging) judged();
    if (step != At::Judging && step != At::Committing) control_says(MessageType::Abandon, "no");
    if (step != At::Committing) control_says(MessageType::Committed);
    control_says(MessageType::Shutdown);
    if (step != At::Preparing) {
      worker_says(0, MessageType::Refused, "no");
      worker_says(0, MessageType::Prepared, "2");
    }
    worker_says(1, MessageType::Prepared, "1");
    worker_says(1, MessageType::Prepared, "nonsense");
    if (step != At::Preparing) reload->on_worker_ready(child(Role::Worker));
    if (step != At::Loading) reload->on_exit(test::FakeKernel::first_pid);
    reload->on_exit(1);
    reload->on_death(child(Role::Writer));
    reload->on_timer();
  }
};
INSTANTIATE_TEST_SUITE_P(All, EachStep, testing::ValuesIn(Reloading::steps));

TEST_P(EachStep, TakesWhatIsOutOfPlaceForNothing) {
  come_to(GetParam());
  for (std::uint32_t i = 0; i < 2; ++i) (void)told(Role::Worker, i);
  say_what_is_out_of_place(GetParam());
  EXPECT_FALSE(reload->is_idle());
  for (std::uint32_t i = 0; i < 2; ++i) EXPECT_THAT(told(Role::Worker, i), IsEmpty());
  finish(GetParam());
  expect_present(2);
  EXPECT_EQ(committed, 1);
}

TEST_F(ReloadTest, WhatIsSaidWithoutOneIsOutOfPlaceToo) {
  control_says(MessageType::Prepare);
  control_says(MessageType::Abandon, "no");
  control_says(MessageType::Committed);
  worker_says(0, MessageType::Prepared, "1");
  worker_says(0, MessageType::Refused, "no");
  reload->on_worker_ready(child(Role::Worker));
  reload->on_timer();
  die(Role::Control);
  die(Role::Worker);
  expect_present(1);
  EXPECT_EQ(committed, 0);
  EXPECT_EQ(generation().reloads().refused, 0U);
}

TEST_P(EachStep, AnotherOrderIsRefused) {
  come_to(GetParam());
  (void)told(Role::Control);
  order("load\tuid 9\t8");
  EXPECT_THAT(told(Role::Control), ElementsAre("refused 8\t" + std::string(under_way)));
  finish(GetParam());
  expect_present(2);
}

TEST_P(EachStep, SignalsMeanwhileAreOneReloadAfterIt) {
  come_to(GetParam());
  reload->on_signal();
  reload->on_signal();
  finish(GetParam());
  EXPECT_FALSE(reload->is_idle());
  EXPECT_TRUE(is_reloading);
  finish(At::Loading);
  expect_present(3);
  EXPECT_EQ(assets.history.present().about.by, "SIGHUP");
}

TEST_F(ReloadTest, ASignalMeanwhileCountsAlsoIfItFails) {
  come_to(At::Judging);
  reload->on_signal();
  control_says(MessageType::Abandon, "no");
  EXPECT_FALSE(reload->is_idle());
  finish(At::Loading);
  expect_present(2);
}

// The first one's loader has been killed, and is buried only now.
TEST_F(ReloadTest, ALateFuneralIsNotTheNextLoaders) {
  come_to(At::Loading);
  const pid_t first = loader().pid;
  pass(35 * second);
  order();
  reload->on_exit(first);
  EXPECT_FALSE(reload->is_idle());
  finish(At::Loading);
  expect_present(2);
}

// ---- Workers that come and go ------------------------------------------------------------------

TEST_F(ReloadTest, WhoIsNotThereIsNotWaitedFor) {
  child(Role::Worker, 1).ready = false;
  come_to(At::Preparing);
  EXPECT_THAT(told(Role::Worker, 1), IsEmpty());
  worker_says(0, MessageType::Prepared, "2");
  EXPECT_EQ(last_told(Role::Control), "prepared 2");
}

TEST_F(ReloadTest, WhoStartsMeanwhilePreparesToo) {
  child(Role::Worker, 1).ready = false;
  come_to(At::Preparing);
  (void)told(Role::Control);
  child(Role::Worker, 1).ready = true;
  reload->on_worker_ready(child(Role::Worker, 1));
  EXPECT_THAT(told(Role::Worker, 1), ElementsAre("prepare"));
  worker_says(0, MessageType::Prepared, "2");
  EXPECT_THAT(told(Role::Control), IsEmpty());
  worker_says(1, MessageType::Prepared, "2");
  EXPECT_THAT(told(Role::Control), ElementsAre("prepared 2"));
}

TEST_F(ReloadTest, IfNoneIsThereTheNextOneIsWaitedFor) {
  for (std::uint32_t i = 0; i < 2; ++i) child(Role::Worker, i).ready = false;
  come_to(At::Preparing);
  child(Role::Worker).ready = true;
  reload->on_worker_ready(child(Role::Worker));
  EXPECT_THAT(told(Role::Worker), ElementsAre("prepare"));
  worker_says(0, MessageType::Prepared, "2");
  commit();
  generation().run(0, 2);
  pass(2'000);
  expect_present(2);
}

TEST_F(ReloadTest, WhoLeavesIsNotAskedNorWaitedFor) {
  child(Role::Worker, 1).leaving = true;
  come_to(At::Preparing);
  EXPECT_THAT(told(Role::Worker, 1), IsEmpty());
  worker_says(0, MessageType::Prepared, "2");
  commit();
  generation().run(0, 2);
  pass(2'000);
  expect_present(2);
}

TEST_F(ReloadTest, WhoDoesNotChangeOverWithinASecondIsReplaced) {
  come_to(At::Settling);
  generation().run(0, 2);
  EXPECT_EQ(reload->deadline(), the_kernel.clock.monotonic_us() + 2'000);
  for (int looks = 0; looks < 499; ++looks) pass(2'000);
  EXPECT_THAT(replaced, IsEmpty());
  pass(2'000);
  EXPECT_THAT(replaced, ElementsAre("worker[1] has not taken over the new generation"));
  EXPECT_FALSE(reload->is_idle());
  pass(second);
  EXPECT_EQ(replaced.size(), 2U) << "and once more, if it does not die";
  die(Role::Worker, 1);
  expect_present(2);
}

TEST_F(ReloadTest, AWorkerMayDieOnceItHasPrepared) {
  come_to(At::Preparing);
  worker_says(1, MessageType::Prepared, "2");
  die(Role::Worker, 1);
  EXPECT_FALSE(reload->is_idle());
  worker_says(0, MessageType::Prepared, "2");
  EXPECT_EQ(last_told(Role::Control), "prepared 2");
}

}  // namespace
}  // namespace weir::process
