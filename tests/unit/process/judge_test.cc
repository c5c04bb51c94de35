// SPDX-License-Identifier: Apache-2.0
//
// Control's part in a reload, with the test in the master's place: what is ordered, what becomes of candidates, and
// generations that nobody confirms.
#include "process/judge.h"

#include "config/loader.h"
#include "fakes/fake_fleet.h"
#include "fakes/steps.h"
#include "process/bundle_memory.h"
#include "shm/generation.h"

#include <gtest/gtest.h>

#include <fcntl.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::process {
namespace {

using net::MessageType;

constexpr std::uint64_t second = 1'000'000;

struct JudgeTest : testing::Test, JudgeHost {
  JudgeTest() {
    auto ends = net::Channel::make_pair();
    EXPECT_TRUE(ends);
    to_master = std::move(ends->first);
    master = net::Channel(std::move(ends->second));
    const int flags = ::fcntl(master.fd(), F_GETFL);
    EXPECT_EQ(::fcntl(master.fd(), F_SETFL, flags | O_NONBLOCK), 0);
    std::vector<PastGeneration> history;
    Sealed first = sealed(200);
    auto view =
        Judge::compile(first.bundle.get(), first.check_secrets.get(), 1, around.segment, {});
    EXPECT_TRUE(view);
    around.fleet.view = *view;
    PastGeneration& past = history.emplace_back();
    past.about = write_about({1, 77, "start", "load"});
    past.bundle = std::move(first.bundle);
    generation().commit(1);
    judge = std::make_unique<Judge>(static_cast<JudgeHost&>(*this), loop, to_master, around.segment,
                                    around.fleet, std::move(history));
  }

  /// A configuration whose only route answers with this status.
  static Sealed sealed(int status) {
    config::Bundle bundle;
    bundle.files.push_back(
        {"weir.conf", "listener web {\n    bind 127.0.0.1:8080\n    route respond " +
                          std::to_string(status) + "\n}\n"});
    auto made = seal(bundle, {}, config::Config());
    EXPECT_TRUE(made);
    return std::move(*made);
  }
  shm::Generation generation() { return shm::Generation(around.segment); }

  /// The next message to the master, "type text"; empty if there is none.
  std::string told() {
    auto message = master.receive();
    if (!message) return {};
    for (const auto& [type, name] :
         {std::pair(MessageType::Load, "load "), std::pair(MessageType::Prepare, "prepare "),
          std::pair(MessageType::Committed, "committed "),
          std::pair(MessageType::Abandon, "abandon "), std::pair(MessageType::Upgrade, "upgrade ")})
      if (message->type == type) return name + message->bytes;
    return "something else";
  }
  void say(MessageType type, const std::string& bytes = {}, std::vector<Fd> descriptors = {}) {
    net::Message message{type, bytes, std::move(descriptors)};
    judge->on_master(message);
  }
  /// What the loader made for a request.
  void offer(Judge::Ticket ticket, std::uint64_t number, Sealed made) {
    std::vector<Fd> descriptors;
    descriptors.push_back(std::move(made.bundle));
    descriptors.push_back(std::move(made.check_secrets));
    say(MessageType::Candidate,
        std::to_string(ticket) + "\t" + write_about({number, 0, "uid 0", "load"}),
        std::move(descriptors));
  }
  /// All of a reload that nothing is wrong with.
  Judge::Ticket reload_to(int status, std::uint64_t number, std::uint64_t confirm_us = 0) {
    const Judge::Ticket ticket = judge->reload("uid 0", {}, confirm_us);
    (void)told();
    offer(ticket, number, sealed(status));
    EXPECT_EQ(told(), "prepare ");
    say(MessageType::Prepared);
    EXPECT_EQ(told(), "committed ");
    say(MessageType::Settled, write_about({number, 0, "uid 0", "load"}));
    return ticket;
  }
  std::string outcome(Judge::Ticket ticket) {
    const admin::Outcome* found = judge->outcome(ticket);
    return found ? found->code + ": " + found->text : "none yet";
  }

  void on_commit(const std::shared_ptr<const admin::View>&) override { ++commits; }
  void on_settled() override { ++settles; }
  void wake_workers() override { ++wakes; }
  void on_finished() override { ++finished; }

  test::ManualClock clock;
  event::Loop loop{clock};
  test::TimeKeeper time{loop, clock};
  test::Steps steps{loop, &time};
  test::FakeFleet around{loop};
  net::Channel to_master, master;
  int commits = 0, settles = 0, wakes = 0, finished = 0;
  std::unique_ptr<Judge> judge;
};

// ---- Orders ------------------------------------------------------------------------------------

TEST_F(JudgeTest, OrdersSayWhatWhoAndWhich) {
  EXPECT_EQ(judge->plan("uid 7", {}), 1U);
  EXPECT_EQ(told(), "load plan\tuid 7\t1");
}

TEST_F(JudgeTest, OneOrderAtATime) {
  const Judge::Ticket ticket = judge->reload("uid 0", {}, 0);
  EXPECT_EQ(told(), "load load\tuid 0\t1");
  EXPECT_EQ(judge->reload("uid 0", {}, 0), 0U);
  EXPECT_EQ(judge->rollback("uid 0", 1), 0U);
  EXPECT_EQ(told(), "");
  EXPECT_EQ(outcome(ticket), "none yet");
  say(MessageType::Refused, "1\tno such file\nweir.conf: not there");
  EXPECT_EQ(outcome(ticket), "refused: no such file");
  EXPECT_EQ(judge->outcome(ticket)->notes, std::vector<std::string>{"weir.conf: not there"});
  EXPECT_EQ(judge->reload("uid 0", {}, 0), 2U);
}

TEST_F(JudgeTest, AnUnknownTicketIsForgotten) {
  EXPECT_EQ(outcome(99), "failed: what became of it is not kept any more");
}

TEST_F(JudgeTest, ARollbackNamesItsGeneration) {
  reload_to(201, 2);
  EXPECT_EQ(judge->rollback("uid 0", 1), 2U);
  EXPECT_EQ(told(), "load rollback 1\tuid 0\t2");
}

TEST_F(JudgeTest, AMasterThatIsGoneGetsNoOrders) {
  master.close();
  EXPECT_EQ(judge->reload("uid 0", {}, 0), 0U);
}

// ---- Candidates --------------------------------------------------------------------------------

TEST_F(JudgeTest, CommitsWhenAllArePrepared) {
  const Judge::Ticket ticket = judge->reload("uid 0", {}, 0);
  (void)told();
  offer(ticket, 2, sealed(201));
  EXPECT_EQ(told(), "prepare ");
  EXPECT_EQ(generation().committed(), 1U) << "the workers have not said that they can";
  say(MessageType::Prepared);
  EXPECT_EQ(told(), "committed ");
  EXPECT_EQ(generation().committed(), 2U);
  EXPECT_EQ(around.fleet.view->generation, 2U);
  EXPECT_EQ(commits, 1);
  EXPECT_EQ(wakes, 1);
  EXPECT_EQ(outcome(ticket), "none yet");
  say(MessageType::Settled, write_about({2, 0, "uid 0", "load"}));
  EXPECT_EQ(settles, 1);
  EXPECT_EQ(finished, 1);
  EXPECT_EQ(outcome(ticket), ": generation 2, 1 change");
  EXPECT_EQ(judge->generations().size(), 2U);
  EXPECT_EQ(generation().reloads().done, 1U);
}

TEST_F(JudgeTest, APlanTellsChangesAndChangesNothing) {
  const Judge::Ticket ticket = judge->plan("uid 0", {});
  (void)told();
  offer(ticket, 2, sealed(201));
  EXPECT_EQ(told(), "abandon ");
  say(MessageType::Refused, "1\tplan");
  EXPECT_EQ(outcome(ticket), ": 1 change");
  EXPECT_EQ(judge->outcome(ticket)->changes.size(), 1U);
  EXPECT_EQ(generation().committed(), 1U);
  EXPECT_EQ(generation().reloads().done + generation().reloads().refused, 0U);
}

TEST_F(JudgeTest, TheSameFilesAreNoNewGeneration) {
  const Judge::Ticket ticket = judge->reload("uid 0", {}, 0);
  (void)told();
  offer(ticket, 2, sealed(200));
  EXPECT_EQ(told(), "abandon nothing has changed: generation 1 stays");
  say(MessageType::Refused, "1\tnothing has changed");
  EXPECT_EQ(outcome(ticket), ": nothing has changed: generation 1 stays");
  EXPECT_EQ(around.fleet.view->generation, 1U);
}

TEST_F(JudgeTest, ACandidateWithoutItsBundleFails) {
  const Judge::Ticket ticket = judge->reload("uid 0", {}, 0);
  (void)told();
  say(MessageType::Candidate, "1\t" + write_about({2, 0, "uid 0", "load"}));
  EXPECT_EQ(told(), "abandon no bundle came");
  say(MessageType::Refused, "1\tno bundle came");
  EXPECT_EQ(outcome(ticket), "failed: no bundle came");
  EXPECT_EQ(generation().reloads().refused, 1U);
}

TEST_F(JudgeTest, AWorkerThatCannotMakesItRefused) {
  const Judge::Ticket ticket = judge->reload("uid 0", {}, 0);
  (void)told();
  offer(ticket, 2, sealed(201));
  EXPECT_EQ(told(), "prepare ");
  say(MessageType::Refused, "1\tworker 0: out of memory");
  EXPECT_EQ(outcome(ticket), "refused: worker 0: out of memory");
  EXPECT_EQ(generation().committed(), 1U);
  EXPECT_EQ(generation().reloads().refused, 1U);
  // Whoever is late has prepared for nothing.
  say(MessageType::Prepared);
  EXPECT_EQ(told(), "abandon control has lost the candidate");
  EXPECT_EQ(generation().committed(), 1U);
}

// ---- Confirmation ------------------------------------------------------------------------------

TEST_F(JudgeTest, WhatNobodyConfirmsIsUndone) {
  reload_to(201, 2, 60 * second);
  EXPECT_TRUE(judge->is_unconfirmed());
  time.pass_while([] { return true; });
  std::string order;
  steps.when([&] { return !(order = told()).empty(); }).run();
  EXPECT_EQ(order, "load rollback 1\tconfirm\t2");
  EXPECT_TRUE(judge->is_unconfirmed()) << "it has not been undone yet";
  offer(2, 3, sealed(200));
  EXPECT_EQ(told(), "prepare ");
  say(MessageType::Prepared);
  EXPECT_FALSE(judge->is_unconfirmed());
  EXPECT_EQ(generation().committed(), 3U);
}

TEST_F(JudgeTest, ARefusedUndoIsTriedAgain) {
  reload_to(201, 2, 60 * second);
  time.pass_while([] { return true; });
  std::vector<std::string> orders;
  steps
      .when([&] {
        const std::string order = told();
        if (order.empty()) return false;
        orders.push_back(order);
        say(MessageType::Refused, std::to_string(orders.size() + 1) + "\tworker 0: out of memory");
        return orders.size() == 3;
      })
      .run();
  EXPECT_EQ(orders.back(), "load rollback 1\tconfirm\t4");
  EXPECT_TRUE(judge->is_unconfirmed());
}

TEST_F(JudgeTest, WhatIsConfirmedStays) {
  reload_to(201, 2, 60 * second);
  EXPECT_TRUE(judge->confirm("uid 0"));
  EXPECT_FALSE(judge->is_unconfirmed());
  EXPECT_FALSE(judge->confirm("uid 0")) << "nothing waits any more";
  clock.advance(120 * second);
  int turns = 0;
  steps.when([&] { return ++turns == 5; }).run();
  EXPECT_EQ(told(), "");
}

TEST_F(JudgeTest, AConfirmationWhileItIsBeingUndoneCounts) {
  reload_to(201, 2, 60 * second);
  time.pass_while([] { return true; });
  steps.when([&] { return told() == "load rollback 1\tconfirm\t2"; }).run();
  EXPECT_TRUE(judge->confirm("uid 0"));
  offer(2, 3, sealed(200));
  EXPECT_EQ(told(), "abandon it was confirmed meanwhile");
  EXPECT_EQ(generation().committed(), 2U);
}

// Another control went on waiting where the former one died.
TEST_F(JudgeTest, TheNextControlGoesOnWaiting) {
  generation().wait_for_confirm(1, 0);
  judge->resume();
  time.pass_while([] { return true; });
  std::string order;
  steps.when([&] { return !(order = told()).empty(); }).run();
  EXPECT_EQ(order, "load rollback 1\tconfirm\t1");
}

// ---- History -----------------------------------------------------------------------------------

TEST_F(JudgeTest, KeepsWhatChangedWithEachGeneration) {
  reload_to(201, 2);
  ASSERT_TRUE(judge->changes_of(2));
  EXPECT_EQ(judge->changes_of(2)->size(), 1U);
  EXPECT_TRUE(judge->changes_of(1)->empty());
  EXPECT_FALSE(judge->changes_of(3));
}

TEST_F(JudgeTest, ForgetsTheOldestGeneration) {
  for (std::uint64_t number = 2; number <= History::most + 1; ++number)
    reload_to(200 + static_cast<int>(number), number);
  const auto rows = judge->generations();
  ASSERT_EQ(rows.size(), History::most);
  EXPECT_EQ(rows.front().number, 2U);
  EXPECT_FALSE(judge->changes_of(1));
  EXPECT_FALSE(judge->changes_of(2)) << "the one before is not kept";
}

}  // namespace
}  // namespace weir::process
