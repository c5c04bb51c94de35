// SPDX-License-Identifier: Apache-2.0
//
// What a reload changes of the master's belongings: sockets, logs, files and names; what it may not; and the way back to a
// generation of the past.
#include "process/reload.h"
#include "process/reloading.h"

#include <gmock/gmock.h>

#include <sys/socket.h>
#include <sys/stat.h>

namespace weir::process {
namespace {

using net::MessageType;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

struct ReloadAssets : Reloading {
  /// All of a reload to `next`.
  void reload_to_next() {
    come_to(At::Loading);
    finish(At::Loading);
    EXPECT_TRUE(reload->is_idle()) << last_told(Role::Control);
  }
  static BindPlan local(std::uint16_t port) {
    const std::string text = "127.0.0.1:" + std::to_string(port);
    return {0, {config::Endpoint::Kind::Ip4, "127.0.0.1", port, text}, "weir.conf:2"};
  }
  std::vector<ino_t> numbers() const {
    std::vector<ino_t> all;
    for (const ListeningSocket& socket : assets.sockets) {
      struct stat about {};
      EXPECT_EQ(::fstat(socket.fd.get(), &about), 0);
      all.push_back(about.st_ino);
    }
    return all;
  }
};

// ---- What is made before the commit ------------------------------------------------------------

struct Wrong {
  const char* name;
  void (*is)(Plan&);
  const char* why;
};

struct WrongPlan : ReloadAssets, testing::WithParamInterface<Wrong> {};
INSTANTIATE_TEST_SUITE_P(
    Plans, WrongPlan,
    testing::Values(Wrong{"Workers", [](Plan& plan) { plan.workers = 5; },
                          "5 workers: there is room for 4"},
                    Wrong{"Log",
                          [](Plan& plan) {
                            plan.error_log.to = config::LogTo::File;
                            plan.error_log.path = "/dev/null/no/such";
                            plan.error_log_place = "weir.conf:1";
                          },
                          "weir.conf:1: log /dev/null/no/such: Not a directory"},
                    Wrong{"State",
                          [](Plan& plan) {
                            plan.state_file = "/dev/null/state";
                            plan.state_place = "weir.conf:4";
                          },
                          "weir.conf:4: "},
                    Wrong{"Address",
                          [](Plan& plan) {
                            plan.binds.push_back(
                                {0,
                                 {config::Endpoint::Kind::Ip4, "192.0.2.1", 80, "192.0.2.1:80"},
                                 "weir.conf:2"});
                          },
                          "weir.conf:2: "}),
    [](const auto& each) { return each.param.name; });

TEST_P(WrongPlan, IsFoundBeforeAnybodyPrepares) {
  GetParam().is(next);
  come_to(At::Preparing);
  EXPECT_THAT(last_told(Role::Control), StartsWith(std::string("refused 7\t") + GetParam().why));
  EXPECT_THAT(told(Role::Worker), IsEmpty());
  EXPECT_EQ(reload->last(), 1U);
  expect_present(1);
  // What was made for it is gone.
  next = assets.plan;
  reload_to_next();
  expect_present(2);
}

TEST_F(ReloadAssets, ManyWorkersAndSocketsAreCommitted) {
  next.workers = 3;
  next.binds.push_back(local(0));
  reload_to_next();
  EXPECT_EQ(assets.plan.workers, 3U);
  EXPECT_EQ(assets.sockets.size(), 16U);
}

TEST_F(ReloadAssets, WhatWasBoundForACandidateThatFailsIsClosed) {
  next.binds.push_back(local(0));
  come_to(At::Preparing);
  const auto heard = process(Role::Worker).heard();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].type, MessageType::Prepare);
  worker_says(0, MessageType::Refused, "no");
  EXPECT_TRUE(assets.sockets.empty());
}

TEST_F(ReloadAssets, ALogIsOpenedAnew) {
  next.error_log.to = config::LogTo::File;
  next.error_log.path = "/dev/null";
  reload_to_next();
  EXPECT_TRUE(assets.error_log.is_open());
  next.error_log.to = config::LogTo::Stderr;
  reload_to_next();
  EXPECT_FALSE(assets.error_log.is_open());
}

// ---- Addresses that go and come ----------------------------------------------------------------

TEST_F(ReloadAssets, AnAddressThatComesBackHasItsSocketsStill) {
  next.binds.push_back(local(0));
  reload_to_next();
  const auto first = numbers();
  next.binds.clear();
  reload_to_next();
  EXPECT_TRUE(assets.sockets.empty());
  EXPECT_GT(reload->deadline(), the_kernel.clock.monotonic_us());
  next.binds.push_back(local(0));
  reload_to_next();
  EXPECT_EQ(numbers(), first);
}

TEST_F(ReloadAssets, UntilWorkersHaveClosedThem) {
  next.binds.push_back(local(0));
  reload_to_next();
  const auto first = numbers();
  next.binds.clear();
  reload_to_next();
  the_kernel.clock.advance(reload->deadline() - the_kernel.clock.monotonic_us() - 1);
  reload->on_timer();
  EXPECT_NE(reload->deadline(), 0U);
  pass(1);
  EXPECT_EQ(reload->deadline(), 0U);
  next.binds.push_back(local(0));
  reload_to_next();
  for (const ino_t number : numbers()) EXPECT_THAT(first, testing::Not(testing::Contains(number)));
}

// A candidate may have taken them again.
TEST_F(ReloadAssets, WhichIsNotLookedAtWhileAReloadIsUnderWay) {
  next.binds.push_back(local(0));
  reload_to_next();
  const auto first = numbers();
  next.binds.clear();
  reload_to_next();
  next.binds.push_back(local(0));
  come_to(At::Preparing);
  pass(9 * second);
  finish(At::Preparing);
  EXPECT_EQ(numbers(), first);
}

// ---- Who gets what -----------------------------------------------------------------------------

TEST_F(ReloadAssets, OnlyWhoNeedsThemGetsFilesAndNames) {
  reload_to_next();
  EXPECT_THAT(told(Role::Writer), IsEmpty());
  next.nameservers = {"192.0.2.53"};
  come_to(At::Committing);
  (void)told(Role::Control);
  commit();
  EXPECT_THAT(told(Role::Control), ElementsAre("resources"));
  EXPECT_THAT(told(Role::Writer), IsEmpty());
  settle();
  const std::string state = testing::TempDir() + "weir-reload-state-" + std::to_string(::getpid());
  next.state_file = state;
  come_to(At::Committing);
  (void)told(Role::Control);
  commit();
  EXPECT_THAT(told(Role::Control), ElementsAre("resources"));
  EXPECT_THAT(told(Role::Writer), ElementsAre("state"));
  EXPECT_EQ(assets.state.size(), 2U);
  settle();
  expect_present(4);
  for (const char* suffix : {"", ".alt"}) ::unlink((state + suffix).c_str());
}

// ---- A file that an operator hands over --------------------------------------------------------

struct ReloadOfFile : ReloadAssets {
  void order_file(const std::string& how) {
    net::Message message{MessageType::Load, how + "\tuid 5\t7", {}};
    message.descriptors.push_back(some("text"));
    reload->on_control(message);
  }
};

TEST_F(ReloadOfFile, IsReadFromItsDescriptor) {
  order_file("load /tmp/x.conf");
  const auto heard = loader().heard();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].type, MessageType::Load);
  EXPECT_EQ(heard[0].bytes, "/etc/weir\n/tmp/x.conf");
  EXPECT_EQ(heard[0].descriptors.size(), 1U);
  finish(At::Loading);
  expect_present(2);
}

TEST_F(ReloadOfFile, MayNotNameWhatLiesElsewhere) {
  next.error_log.to = config::LogTo::File;
  next.error_log.path = "/root/of/evil";
  order_file("load /tmp/x.conf");
  loaded();
  EXPECT_THAT(last_told(Role::Control), HasSubstr("cannot name it"));
  expect_present(1);
}

// ---- The way back ------------------------------------------------------------------------------

struct Rollback : ReloadAssets {
  Rollback() {
    next.nameservers = {"192.0.2.53"};
    reload_to_next();
    (void)told(Role::Control);
    for (std::uint32_t i = 0; i < 2; ++i) (void)told(Role::Worker, i);
  }
  void go_back() { order("rollback 1\tuid 0\t9"); }
};

TEST_F(Rollback, LoadsThePastBesideThePresent) {
  go_back();
  const auto heard = loader().heard();
  ASSERT_EQ(heard.size(), 1U);
  EXPECT_EQ(heard[0].type, MessageType::Load);
  EXPECT_EQ(heard[0].descriptors.size(), 4U);
  finish(At::Loading);
  expect_present(3);
  EXPECT_EQ(assets.history.present().about.how, "rollback 1");
}

TEST_F(Rollback, OfWhatIsNotKeptIsRefused) {
  for (const char* how : {"rollback 7", "rollback 0", "rollback x", "rollback "}) {
    order(std::string(how) + "\tuid 0\t9");
    EXPECT_THAT(told(Role::Control), ElementsAre("refused 9\tgeneration " +
                                                 std::string(how).substr(9) + " is not kept"));
    EXPECT_EQ(reload->last(), 2U);
  }
  expect_present(2);
}

struct NoLoader {
  const char* name;
  void (*happen)(Reloading&);
};
struct RollbackAllTheSame : Rollback, testing::WithParamInterface<NoLoader> {};
INSTANTIATE_TEST_SUITE_P(
    Loaders, RollbackAllTheSame,
    testing::Values(NoLoader{"Dies",
                             [](Reloading& on) {
                               on.loader().channel.close();
                               on.reload->on_loader();
                             }},
                    NoLoader{"Refuses",
                             [](Reloading& on) { on.loader_says(MessageType::Failed, "no"); }},
                    NoLoader{"IsSlow", [](Reloading& on) { on.pass(35 * on.second); }}),
    [](const auto& each) { return each.param.name; });

// With the certificates that it had.
TEST_P(RollbackAllTheSame, WithoutItsLoader) {
  go_back();
  const pid_t loading = loader().pid;
  GetParam().happen(*this);
  EXPECT_TRUE(the_kernel.was_killed(loading, SIGKILL));
  reload->on_exit(loading);
  EXPECT_THAT(last_told(Role::Control), StartsWith("candidate 9\t3\t"));
  finish(At::Judging);
  expect_present(3);
  EXPECT_TRUE(assets.plan.nameservers.empty()) << "its own plan";
}

TEST_F(Rollback, GoesOnWithoutALoaderAtAll) {
  run_out_of_processes();
  go_back();
  EXPECT_THAT(last_told(Role::Control), StartsWith("candidate 9\t3\t"));
}

// The present generation may be what kills them.
TEST_F(Rollback, DoesNotWaitForWorkersThatDie) {
  go_back();
  go_on_to(At::Preparing);
  for (std::uint32_t i = 0; i < 2; ++i) {
    EXPECT_THAT(told(Role::Control), i == 0 ? testing::SizeIs(1) : testing::SizeIs(0));
    die(Role::Worker, i);
  }
  EXPECT_EQ(last_told(Role::Control), "prepared 3");
}

TEST_F(Rollback, NorForAnyIfNoneIsThere) {
  for (std::uint32_t i = 0; i < 2; ++i) child(Role::Worker, i).ready = false;
  go_back();
  go_on_to(At::Preparing);
  EXPECT_EQ(last_told(Role::Control), "prepared 3");
}

TEST_F(Rollback, NorForOneThatCannotBeTold) {
  process(Role::Worker, 1).channel.close();
  go_back();
  go_on_to(At::Preparing);
  worker_says(0, MessageType::Prepared, "3");
  EXPECT_EQ(last_told(Role::Control), "prepared 3");
}

TEST_F(Rollback, EndsIfAWorkerCannotBuildIt) {
  go_back();
  go_on_to(At::Preparing);
  worker_says(0, MessageType::Refused, "no");
  EXPECT_EQ(last_told(Role::Control), "refused 9\tworker[0] could not prepare: no");
  expect_present(2);
}

}  // namespace
}  // namespace weir::process
