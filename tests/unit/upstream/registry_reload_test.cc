// SPDX-License-Identifier: Apache-2.0
//
// Servers over a reload: those of the file, those added at run time, and what a control that died in
// between leaves to its successor.
#include "shm/balancing.h"
#include "shm/outliers.h"
#include "upstream/ejector.h"
#include "upstream/fleet.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace weir::upstream {
namespace {

using shm::Ejection;
using shm::Health;
using shm::Override;
using shm::Use;

constexpr Cause by_reload{"reload", "generation 2"};

class Reload : public Fleet {
 protected:
  /// The next configuration: the present one to begin with.
  config::Config next_;

  void SetUp() override {
    Fleet::SetUp();
    next_ = config_;
    next_.files = {"weir.conf"};
  }
  std::vector<config::Server>& api() { return next_.backends[0].servers; }
  std::vector<config::Server>& web() { return next_.backends[1].servers; }
  void adopt() {
    told_.clear();
    kept_.clear();
    registry_->adopt(next_, by_reload);
  }
  void reload() {
    adopt();
    registry_->retire(0, by_reload);
  }
  bool was_told(const std::string& what) const {
    return std::find(told_.begin(), told_.end(), what) != told_.end();
  }
};

TEST_F(Reload, OfTheSameChangesNothing) {
  std::uint64_t before = changes();
  reload();
  EXPECT_EQ(changes(), before);
  EXPECT_TRUE(told_.empty());
  EXPECT_EQ(&registry_->config(), &next_);
  EXPECT_EQ(registry_->in_file(1), &api()[1]);
}

TEST_F(Reload, WordsOfBalancersStayWithTheirPolicy) {
  shm::Balancing balancing(*segment_);
  balancing.of_server(0)[1] = 7;
  balancing.of_set(0, 1)[2] = 8;
  balancing.of_server(2)[0] = 9;
  reload();
  EXPECT_EQ(balancing.of_server(0)[1], 7U);
  EXPECT_EQ(balancing.of_set(0, 1)[2], 8U);

  config::Config other = next_;
  other.backends[0].balance.word = "random";
  registry_->adopt(other, by_reload);
  EXPECT_EQ(balancing.of_server(0)[1], 0U);
  EXPECT_EQ(balancing.of_set(0, 1)[2], 0U);
  EXPECT_EQ(balancing.of_server(2)[0], 9U) << "the other backend's policy is as it was";
  registry_->adopt(next_, by_reload);
}

TEST_F(Reload, NewServersComeBeforeOldOnesGo) {
  api().erase(api().begin());
  api().push_back(server("a3", 50));
  ASSERT_TRUE(registry_->check_next(next_));
  adopt();
  auto added = registry_->find(0, "a3");
  ASSERT_TRUE(added);
  EXPECT_EQ(use(*added), Use::Up);
  EXPECT_EQ(use(0), Use::Up) << "before the commit all that was there stays";
  EXPECT_STREQ(registry_->columns(*added).configured.by, "reload");
  EXPECT_TRUE(was_told("server.added >127.0.0.1:50"));
  registry_->retire(77, by_reload);
  EXPECT_EQ(use(0), Use::Drain);
  EXPECT_EQ(registry_->columns(0).leave_by_us, 77);
  EXPECT_TRUE(was_told("server.leaving >"));
  EXPECT_FALSE(registry_->reap_leaving(changes(), 0));
  EXPECT_EQ(use(0), Use::Free);
  EXPECT_FALSE(registry_->find(0, "a1"));
  EXPECT_EQ(registry_->routable(0).servers, 2U);
}

TEST_F(Reload, MayBeDoneTwiceAtAnyStep) {
  api()[0] = server("a3", 50);
  adopt();
  std::uint64_t adopted = changes();
  adopt();
  EXPECT_EQ(changes(), adopted);
  registry_->retire(0, by_reload);
  std::uint64_t retired = changes();
  reload();
  EXPECT_EQ(changes(), retired);
}

TEST_F(Reload, IsTakenBackByTheFormerConfiguration) {
  api()[0] = server("a3", 50);
  api()[1].weight = 9;
  next_.backends.pop_back();
  adopt();
  EXPECT_EQ(registry_->routable(0).weight, 11U);
  registry_->adopt(config_, {"reload", "taken back"});
  registry_->retire(0, {"reload", "taken back"});
  EXPECT_EQ(use(0), Use::Up);
  EXPECT_EQ(use(2), Use::Starting);
  EXPECT_EQ(registry_->row(1).weight, 1U);
  EXPECT_EQ(use(*registry_->find(0, "a3")), Use::Drain);
  EXPECT_EQ(registry_->routable(0).weight, 2U);
}

TEST_F(Reload, OneThatWasLeavingIsWantedAgain) {
  api().erase(api().begin());
  reload();
  ASSERT_EQ(use(0), Use::Drain);
  registry_->adopt(config_, by_reload);
  registry_->retire(0, by_reload);
  EXPECT_EQ(use(0), Use::Up);
  EXPECT_EQ(registry_->columns(0).removed.since_us, 0);
  EXPECT_FALSE(registry_->reap_leaving(changes(), 0));
  EXPECT_EQ(use(0), Use::Up) << "and stays";
  EXPECT_EQ(registry_->add(0, server("a9", 1), {}).error().code(), Errc::Exists);
}

TEST_F(Reload, FollowsTheFileAndLeavesOverridesAlone) {
  registry_->set_weight(0, 7, {"me", ""});
  registry_->set_state(1, Override::Drain, {"me", "work"});
  api()[0].weight = 3;
  api()[0].max_in_flight = 5;
  api()[1].at = endpoint(60);
  api()[1].backup = true;
  reload();
  EXPECT_EQ(registry_->row(0).weight, 7U);
  EXPECT_EQ(registry_->columns(0).configured_weight, 3U);
  EXPECT_EQ(registry_->row(0).max_in_flight, 5U);
  EXPECT_EQ(use(1), Use::Drain);
  EXPECT_STREQ(registry_->columns(1).overridden_state.why, "work");
  EXPECT_EQ(registry_->row(1).addresses.port, 60);
  EXPECT_TRUE(registry_->row(1).backup);
  EXPECT_TRUE(was_told("server.limits max_in_flight 0>max_in_flight 5"));
  EXPECT_TRUE(was_told("server.address 127.0.0.1:2>127.0.0.1:60"));
  EXPECT_FALSE(registry_->add(0, server("a9", 60), {}));
  EXPECT_TRUE(registry_->add(0, server("a8", 2), {})) << "the former address is free";
  registry_->set_weight(0, std::nullopt, {"me", ""});
  EXPECT_EQ(registry_->row(0).weight, 3U);
}

TEST_F(Reload, AnotherAddressIsAnotherOrigin) {
  registry_->set_ejection(0, Ejection::Ejected, INT64_MAX, {"outlier", ""});
  next_.backends[0].outlier.emplace();
  reload();
  EXPECT_EQ(use(0), Use::Down);
  api()[0].at = endpoint(60);
  config::Config third = next_;
  registry_->adopt(third, by_reload);
  EXPECT_EQ(use(0), Use::Up);
  EXPECT_EQ(registry_->columns(0).ejections, 0U);
}

TEST_F(Reload, WithoutOutlierNobodyStaysEjected) {
  config_.backends[0].outlier.emplace();
  event::Loop loop;
  Ejector ejector(loop, *registry_, *segment_);
  shm::Notices(*segment_, 0)
      .push({shm::NoticeKind::ConnectErrors, 0, registry_->row(0).incarnation, 3});
  ejector.drain_notices();
  ASSERT_EQ(use(0), Use::Down);
  reload();
  EXPECT_EQ(use(0), Use::Up);
}

TEST_F(Reload, AServerAddedAtRunTimeBecomesTheFiles) {
  auto slot = registry_->add(0, server("a3", 50), {"me", ""});
  registry_->set_weight(*slot, 4, {"me", ""});
  api().insert(api().begin(), server("a3", 50));
  ASSERT_TRUE(registry_->check_next(next_));
  reload();
  EXPECT_EQ(registry_->find(0, "a3"), *slot);
  EXPECT_FALSE(registry_->columns(*slot).runtime);
  EXPECT_EQ(registry_->row(*slot).weight, 4U);
  EXPECT_TRUE(was_told("server.adopted >127.0.0.1:50"));
  EXPECT_EQ(kept_, std::vector<std::uint32_t>{*slot});
  EXPECT_EQ(registry_->servers(0)[0], *slot) << "in the order of the file";
}

TEST_F(Reload, AServerAddedAtRunTimeStays) {
  auto slot = registry_->add(1, server("w3", 50), {"me", ""});
  web().pop_back();
  reload();
  EXPECT_EQ(use(3), Use::Drain);
  EXPECT_EQ(use(*slot), Use::Starting);
  EXPECT_TRUE(registry_->columns(*slot).runtime);
}

TEST_F(Reload, IsRefusedIfTheNameIsTakenAtRunTimeForAnotherAddress) {
  ASSERT_TRUE(registry_->add(0, server("a3", 50), {"uid 7", ""}));
  api().push_back(server("a3", 51));
  api().back().place.line = 12;
  auto refused = registry_->check_next(next_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::Exists);
  for (const char* part : {"weir.conf:12", "api/a3", "127.0.0.1:50", "127.0.0.1:51", "uid 7"})
    EXPECT_NE(refused.error().text().find(part), std::string::npos) << refused.error().text();
}

TEST_F(Reload, IsRefusedIfThereIsNoRoom) {
  for (std::uint32_t i = 0; i < 4; ++i)
    api().push_back(server(("n" + std::to_string(i)).c_str(), 60 + i));
  EXPECT_TRUE(registry_->check_next(next_));
  api().push_back(server("n4", 70));
  auto refused = registry_->check_next(next_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code(), Errc::Limit);
}

TEST_F(Reload, ServersOfABackendThatIsGoneLeave) {
  auto slot = registry_->add(1, server("w3", 50), {"me", ""});
  next_.backends.pop_back();
  EXPECT_EQ(registry_->dropped(next_), std::vector<std::string>{"web/w3"});
  EXPECT_TRUE(registry_->dropped(config_).empty());
  reload();
  EXPECT_FALSE(registry_->find_backend("web"));
  EXPECT_EQ(registry_->backend(1), nullptr);
  for (std::uint32_t each : {2U, 3U, *slot}) EXPECT_EQ(use(each), Use::Drain);
  EXPECT_EQ(registry_->name(2), "web/w1");
  EXPECT_FALSE(registry_->reap_leaving(changes(), 0));
  EXPECT_EQ(use(2), Use::Free);
}

TEST_F(Reload, ANewCheckLeavesKnownServersInUse) {
  next_.backends[0].check.emplace();
  api().push_back(server("a3", 50));
  reload();
  EXPECT_EQ(use(0), Use::Up);
  EXPECT_EQ(registry_->columns(0).health, Health::Up);
  EXPECT_EQ(use(*registry_->find(0, "a3")), Use::Starting);
  registry_->set_health(0, Health::Down, {"check", "500"});
  EXPECT_EQ(use(0), Use::Down);
}

TEST_F(Reload, WithoutACheckNobodyIsDown) {
  registry_->set_health(2, Health::Down, {"check", "500"});
  next_.backends[1].check.reset();
  reload();
  for (std::uint32_t slot : {2U, 3U}) {
    EXPECT_EQ(use(slot), Use::Up);
    EXPECT_EQ(registry_->columns(slot).health, Health::Unchecked);
  }
}

TEST_F(Reload, HealthSurvives) {
  registry_->set_health(2, Health::Up, {"check", "200"});
  registry_->set_health(3, Health::Down, {"check", "500"});
  web()[0].weight = 5;
  next_.backends[1].check->interval = config::Milliseconds(7);
  reload();
  EXPECT_EQ(use(2), Use::Up);
  EXPECT_EQ(use(3), Use::Down);
}

// Control may have died before, between and after the two steps, and the configuration that is loaded
// then may be either.
TEST_F(Reload, ASuccessorBringsItToItsEnd) {
  registry_->note_whole();
  api()[0] = server("a3", 50);
  ASSERT_TRUE(registry_->add(1, server("w3", 51), {"me", ""}));
  const auto expect_next = [&](const Registry& registry) {
    EXPECT_EQ(registry.row(*registry.find(0, "a3")).use, Use::Up);
    EXPECT_EQ(registry.row(0).use, Use::Drain);
    EXPECT_EQ(registry.row(1).use, Use::Up);
    EXPECT_TRUE(registry.columns(*registry.find(1, "w3")).runtime);
    EXPECT_EQ(registry.routable(0).servers, 2U);
  };
  Registry before(*segment_, next_, *this);
  EXPECT_TRUE(before.load());
  expect_next(before);
  Registry after(*segment_, next_, *this);
  EXPECT_TRUE(after.load());
  expect_next(after);
  after.adopt(config_, by_reload);
  Registry between(*segment_, config_, *this);
  EXPECT_TRUE(between.load());
  EXPECT_EQ(between.row(0).use, Use::Up);
  EXPECT_EQ(between.row(*between.find(0, "a3")).use, Use::Drain);
}

TEST_F(Reload, ASuccessorKnowsServersOfABackendThatIsGone) {
  next_.backends.pop_back();
  reload();
  Registry successor(*segment_, next_, *this);
  successor.load();
  EXPECT_EQ(successor.name(2), "#1/w1");
  EXPECT_FALSE(successor.reap_leaving(changes(), 0));
  EXPECT_EQ(use(2), Use::Free);
}

// The overrides of the state file are brought back only when that has been done, not when it was begun.
TEST_F(Reload, AHalfFilledTableIsNotWhole) {
  Registry next(*segment_, config_, *this);
  EXPECT_FALSE(next.load());
  next.note_whole();
  Registry another(*segment_, config_, *this);
  EXPECT_TRUE(another.load());
}

}  // namespace
}  // namespace weir::upstream
