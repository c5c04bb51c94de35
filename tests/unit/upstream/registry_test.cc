// SPDX-License-Identifier: Apache-2.0
//
// Three columns, transactions, slots that are used again, and outliers.
#include "upstream/registry.h"

#include "shm/outliers.h"
#include "upstream/ejector.h"
#include "upstream/fleet.h"

#include <gtest/gtest.h>

namespace weir::upstream {
namespace {

using shm::Ejection;
using shm::Health;
using shm::Override;
using shm::Use;

TEST_F(Fleet, BeginsAsConfigured) {
  EXPECT_EQ(use(0), Use::Up);
  EXPECT_EQ(use(2), Use::Starting);  // its backend has a check
  EXPECT_EQ(registry_->name(3), "web/w2");
  EXPECT_EQ(registry_->find(1, "w2"), 3U);
  EXPECT_FALSE(registry_->find(1, "a1"));
  EXPECT_EQ(registry_->routable(0).servers, 2U);
  EXPECT_EQ(registry_->routable(1).servers, 0U);
}

TEST_F(Fleet, ThreeColumnsDecideTogether) {
  struct Case {
    Override state;
    Health health;
    Ejection ejection;
    Use use;
  };
  const Case cases[] = {
      {Override::None, Health::Starting, Ejection::None, Use::Starting},
      {Override::None, Health::Up, Ejection::None, Use::Up},
      {Override::None, Health::Down, Ejection::None, Use::Down},
      {Override::None, Health::Up, Ejection::Ejected, Use::Down},
      {Override::None, Health::Up, Ejection::HalfOpen, Use::HalfOpen},
      {Override::None, Health::Down, Ejection::HalfOpen, Use::Down},
      {Override::Up, Health::Down, Ejection::Ejected, Use::Up},
      {Override::Drain, Health::Up, Ejection::None, Use::Drain},
      {Override::Down, Health::Up, Ejection::None, Use::Down},
  };
  for (const Case& each : cases) {
    registry_->set_state(2, each.state, {"me", "test"});
    registry_->set_health(2, each.health, {"check", "test"});
    registry_->set_ejection(2, each.ejection, 0, {"outlier", "test"});
    EXPECT_EQ(use(2), each.use) << Registry::word(each.state) << Registry::word(each.health);
    EXPECT_FALSE(registry_->reason(2).empty());
  }
}

TEST_F(Fleet, WeightsAndAddressesAreOverriddenAndTakenBack) {
  registry_->set_weight(0, 7, {"me", ""});
  EXPECT_EQ(registry_->table().row(0).weight, 7U);
  EXPECT_EQ(registry_->routable(0).weight, 8U);
  registry_->set_weight(0, std::nullopt, {"me", ""});
  EXPECT_EQ(registry_->routable(0).weight, 2U);
  auto other = net::Address::from(endpoint(99));
  registry_->set_address(0, *other, {"me", ""});
  EXPECT_EQ(registry_->table().row(0).addresses.port, 99);
  registry_->set_address(0, net::Address(), {"me", ""});
  EXPECT_EQ(registry_->table().row(0).addresses.port, 1);
  EXPECT_EQ(kept_.size(), 4U);
}

TEST_F(Fleet, ATransactionIsAllOrNothing) {
  std::uint64_t before = changes(), revision = registry_->revision(0);
  registry_->begin();
  registry_->set_state(0, Override::Down, {"me", ""});
  ASSERT_TRUE(registry_->add(0, server("a3", 50), {"me", ""}));
  registry_->set_weight(4, 9, {"me", ""});
  EXPECT_EQ(changes(), before);
  registry_->abort();
  EXPECT_EQ(changes(), before);
  EXPECT_EQ(registry_->revision(0), revision);
  EXPECT_TRUE(told_.empty());
  EXPECT_FALSE(registry_->find(0, "a3"));
  EXPECT_EQ(registry_->routable(0).servers, 2U);
  EXPECT_EQ(registry_->row(0).use, Use::Up);

  registry_->begin();
  registry_->set_state(0, Override::Down, {"me", ""});
  ASSERT_TRUE(registry_->add(0, server("a3", 50), {"me", ""}));
  registry_->commit();
  EXPECT_EQ(use(0), Use::Down);
  EXPECT_TRUE(registry_->find(0, "a3"));
  EXPECT_EQ(registry_->routable(0).servers, 2U);
  EXPECT_EQ(kept_.size(), 2U);
}

TEST_F(Fleet, NamesAndAddressesAreUnique) {
  EXPECT_EQ(registry_->add(0, server("a1", 50), {}).error().code(), Errc::Exists);
  EXPECT_EQ(registry_->add(0, server("a9", 1), {}).error().code(), Errc::Exists);
  for (std::uint32_t i = 0; i < 4; ++i)
    EXPECT_TRUE(registry_->add(0, server(("n" + std::to_string(i)).c_str(), 60 + i), {}));
  EXPECT_EQ(registry_->add(0, server("n4", 70), {}).error().code(), Errc::Limit);
}

TEST_F(Fleet, ASlotGivenAwayCountsFromZero) {
  auto slot = registry_->add(0, server("a3", 50), {"me", ""});
  shm::Counters worker(*segment_, 1);
  worker.add(shm::Of::Server, *slot, shm::Tally::Requests, 7);
  registry_->remove(*slot, 0, {"me", ""});
  registry_->reap_leaving(changes(), 0);
  registry_->reap_leaving(changes(), 0);
  EXPECT_EQ(worker.sum(shm::Of::Server, *slot, shm::Tally::Requests), 7U);
  EXPECT_EQ(*registry_->add(0, server("a4", 51), {"me", ""}), *slot);
  EXPECT_EQ(worker.sum(shm::Of::Server, *slot, shm::Tally::Requests), 0U);
}

// A slot may be another's only when all have seen that it is free and nothing is in flight there.
TEST_F(Fleet, SlotsAreReusedSafely) {
  auto slot = registry_->add(0, server("a3", 50), {"me", ""});
  shm::InFlight mine(*segment_, 1);
  mine.add(*slot);
  registry_->remove(*slot, 0, {"me", ""});
  EXPECT_EQ(use(*slot), Use::Drain);
  EXPECT_TRUE(registry_->reap_leaving(changes(), 0));  // one request is in flight
  (void)mine.release(*slot);
  EXPECT_TRUE(registry_->reap_leaving(changes() - 1, 0));  // somebody has not seen it
  EXPECT_FALSE(registry_->reap_leaving(changes(), 0));
  EXPECT_EQ(use(*slot), Use::Free);
  EXPECT_EQ(removed_, std::vector<std::uint32_t>{*slot});
  std::uint32_t incarnation = registry_->table().row(*slot).incarnation;
  shm::Balancing balancing(*segment_);
  balancing.of_server(*slot)[3] = 5;
  balancing.note_latency(*slot, 5);
  auto next = registry_->add(0, server("a4", 51), {"me", ""});
  EXPECT_NE(*next, *slot);  // its emptiness has not been seen yet
  registry_->reap_leaving(changes(), 0);
  auto third = registry_->add(0, server("a5", 52), {"me", ""});
  EXPECT_EQ(*third, *slot);
  EXPECT_EQ(registry_->table().row(*third).incarnation, incarnation + 1);
  EXPECT_EQ(balancing.of_server(*slot)[3], 0U) << "what balancers knew was about another";
  EXPECT_EQ(balancing.latency(*slot), 0U);
}

TEST_F(Fleet, ASuccessorTakesOverWhatIsThere) {
  registry_->set_state(0, Override::Drain, {"me", "work"});
  registry_->set_health(2, Health::Up, {"check", "200"});
  auto added = registry_->add(1, server("w3", 50), {"me", ""});
  registry_->note_whole();
  Registry next(*segment_, config_, *this);
  EXPECT_TRUE(next.load());
  EXPECT_EQ(next.row(0).use, Use::Drain);
  EXPECT_STREQ(next.columns(0).overridden_state.why, "work");
  EXPECT_EQ(next.row(2).use, Use::Up);
  EXPECT_EQ(next.find(1, "w3"), *added);
  EXPECT_EQ(next.routable(1).servers, registry_->routable(1).servers);
}

TEST_F(Fleet, OutliersAreEjectedWithinBounds) {
  config_.backends[0].outlier.emplace();
  event::Loop loop;
  Ejector ejector(loop, *registry_, *segment_);
  shm::Notices worker(*segment_, 1);
  auto tell = [&](shm::NoticeKind kind, std::uint32_t slot) {
    worker.push({kind, slot, registry_->row(slot).incarnation, 3});
    ejector.drain_notices();
  };
  tell(shm::NoticeKind::ConnectErrors, 0);
  EXPECT_EQ(use(0), Use::Down);
  tell(shm::NoticeKind::StatusErrors, 1);
  EXPECT_EQ(use(1), Use::Up) << "no more than half of them";
  tell(shm::NoticeKind::ProbePassed, 0);
  EXPECT_EQ(use(0), Use::Down) << "its time is not over";
  registry_->set_ejection(0, Ejection::HalfOpen, 0, {"outlier", ""});
  std::int64_t first = registry_->columns(0).ejected_until_us;
  tell(shm::NoticeKind::ProbeFailed, 0);
  EXPECT_EQ(use(0), Use::Down);
  EXPECT_EQ(registry_->columns(0).ejections, 2U);
  EXPECT_GT(registry_->columns(0).ejected_until_us, first);
  registry_->set_ejection(0, Ejection::HalfOpen, 0, {"outlier", ""});
  tell(shm::NoticeKind::ProbePassed, 0);
  EXPECT_EQ(use(0), Use::Up);
}

TEST_F(Fleet, NoticesOfAFormerServerOfTheSlotAreNothing) {
  config_.backends[0].outlier.emplace();
  event::Loop loop;
  Ejector ejector(loop, *registry_, *segment_);
  shm::Notices(*segment_, 0).push({shm::NoticeKind::ConnectErrors, 0, 77, 3});
  ejector.drain_notices();
  EXPECT_EQ(use(0), Use::Up);
}

// A worker may write any number into its notices.
TEST_F(Fleet, NoticesOfSlotsThatNoServerEverHadAreNothing) {
  config_.backends[0].outlier.emplace();
  event::Loop loop;
  Ejector ejector(loop, *registry_, *segment_);
  for (const std::uint32_t slot : {4U, 7U, 8U, 100'000U, UINT32_MAX})
    for (const std::uint32_t kind : {0U, 1U, 2U, 3U, 4U, UINT32_MAX})
      shm::Notices(*segment_, 1).push({static_cast<shm::NoticeKind>(kind), slot, 0, 3});
  shm::Notices(*segment_, 1)
      .push({static_cast<shm::NoticeKind>(99), 0, registry_->row(0).incarnation, 3});
  const std::uint64_t before = changes();
  ejector.drain_notices();
  EXPECT_EQ(changes(), before);
}

}  // namespace
}  // namespace weir::upstream
