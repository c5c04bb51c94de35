// SPDX-License-Identifier: Apache-2.0
//
// Servers by name in the registry: what an answer of a name server changes, and what it does not.
#include "upstream/address_set.h"
#include "upstream/fleet.h"

#include <algorithm>
#include <string>
#include <vector>

namespace weir::upstream {
namespace {

using shm::Ejection;
using shm::Health;
using shm::Use;

constexpr std::uint32_t plain = 0, checked = 2;  // slots

/// The first server of each backend is given by name.
struct NamedServers : Fleet {
  void SetUp() override {
    Fleet::SetUp();
    config::Config next = config_;
    for (config::Backend& backend : next.backends) {
      config::Endpoint& at = backend.servers[0].at;
      at = {config::Endpoint::Kind::Name, "app.test", 80, "app.test:80"};
    }
    config_ = next;
    registry_->adopt(config_, {"file", ""});
    told_.clear();
  }

  /// Addresses 192.0.2.N.
  static shm::AddressSet set(const std::vector<int>& hosts) {
    std::vector<std::string> ips;
    for (int host : hosts) ips.push_back({'\xc0', '\0', '\2', static_cast<char>(host)});
    return to_set(ips, 80, {});
  }
  void pass(std::uint32_t slot) { registry_->set_health(slot, Health::Up, {"check", "200"}); }
  bool was_told(const std::string& text) const {
    return std::find(told_.begin(), told_.end(), text) != told_.end();
  }
};

TEST_F(NamedServers, WaitForTheFirstAnswer) {
  EXPECT_EQ(use(plain), Use::Starting);
  registry_->note_unresolved(plain, "the name does not exist");
  EXPECT_EQ(use(plain), Use::Down) << "nobody waits for what may never come";
  EXPECT_NE(registry_->reason(plain).find("the name does not exist"), std::string::npos);
  registry_->set_resolved(plain, set({1, 2}));
  EXPECT_EQ(use(plain), Use::Up);
  EXPECT_EQ(registry_->table().row(plain).addresses, set({2, 1}));
  EXPECT_TRUE(was_told("server.address none>192.0.2.1:80, 192.0.2.2:80"));
}

TEST_F(NamedServers, AFailedLookUpTakesNothingAway) {
  registry_->set_resolved(plain, set({1, 2}));
  registry_->note_unresolved(plain, std::string(500, 'x'));
  const std::uint64_t before = changes();
  registry_->note_unresolved(plain, std::string(500, 'x'));
  EXPECT_EQ(changes(), before) << "the same again is no news";
  EXPECT_EQ(use(plain), Use::Up);
  EXPECT_EQ(registry_->row(plain).addresses, set({1, 2}));
  EXPECT_STRNE(registry_->columns(plain).resolve_error, "");
  registry_->set_resolved(plain, set({1, 2}));
  EXPECT_STREQ(registry_->columns(plain).resolve_error, "");
}

TEST_F(NamedServers, TheSameSetChangesNothing) {
  registry_->set_resolved(plain, set({1, 2}));
  const std::uint64_t before = changes();
  told_.clear();
  registry_->set_resolved(plain, set({2, 1}));
  EXPECT_EQ(changes(), before);
  EXPECT_TRUE(told_.empty());
}

struct MoveCase {
  std::vector<int> from, to;
  bool is_another;
};

class Moves : public NamedServers, public testing::WithParamInterface<MoveCase> {};

TEST_P(Moves, AServerIsAnotherOneIfNoAddressStays) {
  for (std::uint32_t slot : {plain, checked}) {
    registry_->set_resolved(slot, set(GetParam().from));
    if (slot == checked) pass(slot);
    ASSERT_EQ(use(slot), Use::Up);
    registry_->set_resolved(slot, set(GetParam().to));
    EXPECT_EQ(registry_->row(slot).addresses, set(GetParam().to));
    const bool waits = slot == checked && GetParam().is_another;
    EXPECT_EQ(use(slot), waits ? Use::Starting : Use::Up) << slot;
    registry_->set_ejection(slot, Ejection::Ejected, INT64_MAX, {"outlier", ""});
    registry_->set_resolved(slot, set(GetParam().from));
    const bool is_ejected = registry_->columns(slot).ejection == Ejection::Ejected;
    EXPECT_EQ(is_ejected, !GetParam().is_another) << slot;
  }
}

INSTANTIATE_TEST_SUITE_P(Registry, Moves,
                         testing::Values(MoveCase{{1}, {2}, true},
                                         MoveCase{{1, 2}, {3, 4, 5}, true},
                                         MoveCase{{1, 2}, {2, 3}, false},
                                         MoveCase{{1}, {1, 2, 3}, false},
                                         MoveCase{{1, 2, 3}, {3}, false}));

TEST_F(NamedServers, AnOverrideHidesWhatTheNameSays) {
  registry_->set_resolved(checked, set({1}));
  pass(checked);
  const auto forced = net::Address::from(endpoint(99));
  registry_->set_address(checked, *forced, {"me", ""});
  EXPECT_EQ(registry_->row(checked).addresses, to_set(*forced)) << "a set of one";
  told_.clear();
  registry_->set_resolved(checked, set({2}));
  EXPECT_EQ(registry_->row(checked).addresses, to_set(*forced));
  EXPECT_EQ(use(checked), Use::Up);
  EXPECT_TRUE(told_.empty());
  registry_->set_address(checked, net::Address(), {"me", ""});
  EXPECT_EQ(registry_->row(checked).addresses, set({2}));
}

TEST_F(NamedServers, AnotherNameStartsAnew) {
  registry_->set_resolved(checked, set({1}));
  pass(checked);
  config::Config next = config_;
  next.backends[1].servers[0].at = {config::Endpoint::Kind::Name, "b.test", 80, "b.test:80"};
  registry_->adopt(next, {"file", ""});
  EXPECT_EQ(registry_->row(checked).addresses.count, 0);
  EXPECT_EQ(use(checked), Use::Starting);
  registry_->set_resolved(checked, set({1}));
  EXPECT_EQ(use(checked), Use::Starting) << "until it is checked";
  registry_->adopt(config_, {"file", ""});
}

TEST_F(NamedServers, ASuccessorTakesThemOver) {
  registry_->set_resolved(plain, set({1, 2}));
  Registry successor(*segment_, config_, static_cast<RegistryEvents&>(*this));
  successor.load();
  EXPECT_EQ(successor.row(plain).addresses, set({1, 2}));
  EXPECT_EQ(successor.row(plain).use, Use::Up);
}

}  // namespace
}  // namespace weir::upstream
