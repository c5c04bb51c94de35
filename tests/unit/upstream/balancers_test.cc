// SPDX-License-Identifier: Apache-2.0
//
// What each policy promises: usable servers only, weights, smoothness, evenness.
#include "upstream/balancers.h"

#include <weir/module.h>

#include "config/schema.h"
#include "fakes/fake_servers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace weir::upstream {
namespace {

using test::FakeServers;

constexpr const char* all_policies[] = {"p2c", "round_robin", "least_request", "random"};

// As a backend makes it, for servers that are there already.
std::unique_ptr<Balancer> make_balancer(const char* word, const ServerSet& servers,
                                        std::uint64_t seed) {
  auto factory = find_balancer(word)->make({word, {}, ""});
  auto balancer = (*factory)->make(seed);
  balancer->on_change(servers);
  return balancer;
}

// The next choices, as letters: those with the identities 100, 101, ... are a, b, ...
std::string choices(Balancer& balancer, const FakeServers& servers, int count) {
  std::string order;
  for (int i = 0; i < count; ++i) {
    const auto choice = balancer.choose(servers, {});
    order += choice ? static_cast<char>('a' + (servers.identities[*choice] - 100)) : '-';
  }
  return order;
}

TEST(Balancers, NeverChooseWhatIsNotUsableOrHasNoWeight) {
  for (const char* policy : all_policies) {
    FakeServers servers({3, 0, 5, 1, 1});
    servers.usable[2] = false;
    auto balancer = make_balancer(policy, servers, 5);
    for (int i = 0; i < 1000; ++i) {
      auto choice = balancer->choose(servers, {});
      ASSERT_TRUE(choice) << policy;
      EXPECT_TRUE(*choice == 0 || *choice == 3 || *choice == 4) << policy;
    }
    servers.usable.assign(5, false);
    EXPECT_FALSE(balancer->choose(servers, {})) << policy;
  }
}

TEST(Balancers, FindTheOnlyUsableOneAmongMany) {
  for (const char* policy : all_policies) {
    FakeServers servers(std::vector<std::uint32_t>(1000, 1));
    servers.usable.assign(1000, false);
    servers.usable[777] = true;
    auto balancer = make_balancer(policy, servers, 1);
    EXPECT_EQ(balancer->choose(servers, {}), 777U) << policy;
  }
}

TEST(RoundRobin, IsSmooth) {
  FakeServers servers({5, 1, 1});
  auto balancer = make_balancer("round_robin", servers, 0);
  std::string order;
  for (int i = 0; i < 14; ++i) order += static_cast<char>('a' + *balancer->choose(servers, {}));
  EXPECT_EQ(order, "aabacaaaabacaa");
}

TEST(RoundRobin, ReducesHugeWeightsWithoutLosingAnybody) {
  std::vector<std::uint32_t> weights = {1000, 999, 1};
  for (int i = 0; i < 200; ++i) weights.push_back(997);
  FakeServers servers(weights);
  auto balancer = make_balancer("round_robin", servers, 3);
  std::vector<int> seen(servers.weights.size());
  for (int i = 0; i < 200'000; ++i) ++seen[*balancer->choose(servers, {})];
  for (int count : seen) EXPECT_GT(count, 0);
}

TEST(RoundRobin, GoesOnWithTheNextServerWhenOneLeaves) {
  FakeServers servers({1, 1, 1, 1});
  auto balancer = make_balancer("round_robin", servers, 0);
  EXPECT_EQ(choices(*balancer, servers, 2), "ab");
  servers.set({1, 1, 1});
  servers.identities = {100, 102, 103};
  balancer->on_change(servers);
  EXPECT_EQ(choices(*balancer, servers, 4), "cdac");
  // The one whose turn it is leaves.
  servers.set({1, 1});
  servers.identities = {100, 102};
  balancer->on_change(servers);
  EXPECT_EQ(choices(*balancer, servers, 3), "aca");
}

TEST(RoundRobin, GoesOnWithTheNextServerWhenOneComes) {
  FakeServers servers({1, 1, 1});
  auto balancer = make_balancer("round_robin", servers, 0);
  EXPECT_EQ(choices(*balancer, servers, 1), "a");
  servers.set({1, 1, 1, 1});
  servers.identities = {103, 100, 101, 102};
  balancer->on_change(servers);
  EXPECT_EQ(choices(*balancer, servers, 5), "bcdab");
}

// Told anew at each choice, it chooses as if it had not been told.
TEST(RoundRobin, LosesNothingByBeingToldOften) {
  FakeServers servers({5, 1, 1});
  auto balancer = make_balancer("round_robin", servers, 0);
  std::string order;
  for (int i = 0; i < 14; ++i) {
    order += choices(*balancer, servers, 1);
    balancer->on_change(servers);
  }
  EXPECT_EQ(order, "aabacaaaabacaa");
}

TEST(RoundRobin, KeepsItsPlaceWhenWeightsChange) {
  FakeServers servers({1, 1, 1});
  auto balancer = make_balancer("round_robin", servers, 0);
  EXPECT_EQ(choices(*balancer, servers, 1), "a");
  servers.set({2, 1, 1});
  balancer->on_change(servers);
  EXPECT_EQ(choices(*balancer, servers, 4), "bcaa");
  servers.set({0, 1, 1});
  balancer->on_change(servers);
  EXPECT_EQ(choices(*balancer, servers, 3), "bcb");
}

TEST(RoundRobin, BearsThatAllServersGo) {
  FakeServers servers({1, 1, 1});
  auto balancer = make_balancer("round_robin", servers, 1);
  servers.set({});
  balancer->on_change(servers);
  EXPECT_EQ(choices(*balancer, servers, 2), "--");
  servers.set({1, 1, 1});
  balancer->on_change(servers);
  EXPECT_EQ(choices(*balancer, servers, 3), "bca");
}

TEST(Balancers, ChooseAmongThoseInUseOnly) {
  for (const char* policy : all_policies) {
    FakeServers servers({1, 2, 1, 1});
    servers.in_use = 2;
    auto balancer = make_balancer(policy, servers, 3);
    for (int i = 0; i < 200; ++i) EXPECT_LT(*balancer->choose(servers, {}), 2U) << policy;
    servers.in_use = 4;
    balancer->on_change(servers);
    std::set<std::uint32_t> seen;
    for (int i = 0; i < 200; ++i) {
      seen.insert(*balancer->choose(servers, {}));
      ++servers.load[*seen.rbegin()];
    }
    EXPECT_EQ(seen.size(), 4U) << policy;
  }
}

// What is drawn after a change is the next of the sequence and not its beginning again.
TEST(Random, GoesOnAfterAChange) {
  FakeServers servers(std::vector<std::uint32_t>(16, 1));
  auto told = make_balancer("random", servers, 5), not_told = make_balancer("random", servers, 5);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(told->choose(servers, {}), not_told->choose(servers, {}));
    told->on_change(servers);
  }
}

TEST(BalancerTable, HasEachWordOnceTheDefaultFirst) {
  std::set<std::string_view> words;
  for (const BalancerKind& kind : balancer_kinds()) {
    EXPECT_TRUE(words.insert(kind.word).second) << kind.word;
    EXPECT_EQ(find_balancer(kind.word), &kind);
    EXPECT_FALSE(std::string_view(kind.help).empty()) << kind.word;
  }
  EXPECT_EQ(balancer_kinds()[0].word, config::Balance().word);
  for (const char* unknown : {"", "P2c", "p2", "p2c "}) EXPECT_EQ(find_balancer(unknown), nullptr);
}

TEST(BalancerTable, HoldsThoseOfModules) {
  for (std::size_t i = 0; i < module_count; ++i)
    for (const BalancerKind& kind : modules[i]->balancers)
      EXPECT_NE(find_balancer(kind.word), nullptr) << kind.word;
}

// The row of the directive, of which the manual is made, names weir's own.
TEST(BalancerTable, IsWhatTheManualSays) {
  std::string words;
  for (const char* word : all_policies) words.append(words.empty() ? "" : " | ").append(word);
  const config::DirectiveKind* row = config::find_directive("balance", config::InBackend);
  EXPECT_EQ(row->arguments, words);
  EXPECT_EQ(config::default_text(*row), balancer_kinds()[0].word);
}

TEST(BalancerTable, OwnPoliciesTakeNoValue) {
  for (const char* word : all_policies) {
    auto made = find_balancer(word)->make({word, {"5"}, ""});
    ASSERT_FALSE(made) << word;
    EXPECT_EQ(made.error().code(), Errc::Invalid);
  }
}

TEST(Random, FollowsWeights) {
  FakeServers servers({1, 2, 7});
  auto balancer = make_balancer("random", servers, 9);
  std::vector<double> seen(3);
  for (int i = 0; i < 100'000; ++i) seen[*balancer->choose(servers, {})] += 1;
  EXPECT_NEAR(seen[0], 10'000, 600);
  EXPECT_NEAR(seen[1], 20'000, 800);
  EXPECT_NEAR(seen[2], 70'000, 1000);
}

TEST(LeastRequest, TakesTheLeastLoadedPerWeight) {
  FakeServers servers({1, 4, 1});
  servers.load = {2, 4, 3};
  auto balancer = make_balancer("least_request", servers, 1);
  EXPECT_EQ(balancer->choose(servers, {}), 1U);
  servers.load = {0, 4, 3};
  EXPECT_EQ(balancer->choose(servers, {}), 0U);
}

// Requests come and stay: with two looks the fullest server stays near the mean, with one it does not.
TEST(PowerOfTwo, IsMoreEvenThanRandom) {
  auto spread = [](const char* policy) {
    FakeServers servers(std::vector<std::uint32_t>(50, 1));
    auto balancer = make_balancer(policy, servers, 17);
    for (int i = 0; i < 5000; ++i) ++servers.load[*balancer->choose(servers, {})];
    return *std::max_element(servers.load.begin(), servers.load.end());
  };
  EXPECT_LE(spread("p2c"), 105U);
  EXPECT_GT(spread("random"), 110U);
}

}  // namespace
}  // namespace weir::upstream
