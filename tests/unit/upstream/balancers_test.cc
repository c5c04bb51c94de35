// SPDX-License-Identifier: Apache-2.0
//
// What each policy promises: usable servers only, weights, smoothness, evenness.
#include "upstream/balancers.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <string>
#include <vector>

namespace weir::upstream {
namespace {

using config::Balance;

struct FakeServers final : ServerSet {
  explicit FakeServers(std::vector<std::uint32_t> w)
      : weights(std::move(w)), usable(weights.size(), true), load(weights.size()) {}
  std::uint32_t size() const override { return static_cast<std::uint32_t>(weights.size()); }
  std::uint32_t weight(std::uint32_t i) const override { return weights[i]; }
  bool is_usable(std::uint32_t i) const override { return usable[i]; }
  std::uint32_t in_flight(std::uint32_t i) const override { return load[i]; }

  std::vector<std::uint32_t> weights;
  std::vector<bool> usable;
  std::vector<std::uint32_t> load;
};

const Balance all_policies[] = {Balance::P2c, Balance::RoundRobin, Balance::LeastRequest,
                                Balance::Random};

TEST(Balancers, NeverChooseWhatIsNotUsableOrHasNoWeight) {
  for (Balance policy : all_policies) {
    FakeServers servers({3, 0, 5, 1, 1});
    servers.usable[2] = false;
    auto balancer = make_balancer(policy, servers, 5);
    for (int i = 0; i < 1000; ++i) {
      auto choice = balancer->choose(servers);
      ASSERT_TRUE(choice) << balancer->name();
      EXPECT_TRUE(*choice == 0 || *choice == 3 || *choice == 4) << balancer->name();
    }
    servers.usable.assign(5, false);
    EXPECT_FALSE(balancer->choose(servers)) << balancer->name();
  }
}

TEST(Balancers, FindTheOnlyUsableOneAmongMany) {
  for (Balance policy : all_policies) {
    FakeServers servers(std::vector<std::uint32_t>(1000, 1));
    servers.usable.assign(1000, false);
    servers.usable[777] = true;
    auto balancer = make_balancer(policy, servers, 1);
    EXPECT_EQ(balancer->choose(servers), 777U) << balancer->name();
  }
}

TEST(RoundRobin, IsSmooth) {
  FakeServers servers({5, 1, 1});
  auto balancer = make_balancer(Balance::RoundRobin, servers, 0);
  std::string order;
  for (int i = 0; i < 14; ++i) order += static_cast<char>('a' + *balancer->choose(servers));
  EXPECT_EQ(order, "aabacaaaabacaa");
}

TEST(RoundRobin, ReducesHugeWeightsWithoutLosingAnybody) {
  FakeServers servers({1000, 999, 1});
  for (int i = 0; i < 200; ++i) servers.weights.push_back(997);
  servers.usable.assign(servers.weights.size(), true);
  auto balancer = make_balancer(Balance::RoundRobin, servers, 3);
  std::vector<int> seen(servers.weights.size());
  for (int i = 0; i < 200'000; ++i) ++seen[*balancer->choose(servers)];
  for (int count : seen) EXPECT_GT(count, 0);
}

TEST(Random, FollowsWeights) {
  FakeServers servers({1, 2, 7});
  auto balancer = make_balancer(Balance::Random, servers, 9);
  std::vector<double> seen(3);
  for (int i = 0; i < 100'000; ++i) seen[*balancer->choose(servers)] += 1;
  EXPECT_NEAR(seen[0], 10'000, 600);
  EXPECT_NEAR(seen[1], 20'000, 800);
  EXPECT_NEAR(seen[2], 70'000, 1000);
}

TEST(LeastRequest, TakesTheLeastLoadedPerWeight) {
  FakeServers servers({1, 4, 1});
  servers.load = {2, 4, 3};
  auto balancer = make_balancer(Balance::LeastRequest, servers, 1);
  EXPECT_EQ(balancer->choose(servers), 1U);
  servers.load = {0, 4, 3};
  EXPECT_EQ(balancer->choose(servers), 0U);
}

// Requests come and stay: with two looks the fullest server stays near the mean, with one it does not.
TEST(PowerOfTwo, IsMoreEvenThanRandom) {
  auto spread = [](Balance policy) {
    FakeServers servers(std::vector<std::uint32_t>(50, 1));
    auto balancer = make_balancer(policy, servers, 17);
    for (int i = 0; i < 5000; ++i) ++servers.load[*balancer->choose(servers)];
    return *std::max_element(servers.load.begin(), servers.load.end());
  };
  EXPECT_LE(spread(Balance::P2c), 105U);
  EXPECT_GT(spread(Balance::Random), 110U);
}

}  // namespace
}  // namespace weir::upstream
