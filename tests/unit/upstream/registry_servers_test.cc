// SPDX-License-Identifier: Apache-2.0
//
// What control shows a balancer is what workers show it.
#include "upstream/registry_servers.h"

#include "upstream/fleet.h"
#include "upstream/server_row.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::upstream {
namespace {

TEST_F(Fleet, BalancersSeeServersInControlAsInWorkers) {
  registry_->set_weight(1, 7, {"me", ""});
  shm::InFlight worker(*segment_, 1);
  worker.add(1);
  shm::Balancing balancing(*segment_);
  balancing.note_latency(1, 900);
  balancing.of_server(1)[2] = 4;
  balancing.of_set(0, 1)[3] = 5;
  const std::uint32_t other = 0;
  const RegistryServers servers(*registry_, 1, {1}, {&other, 1});
  EXPECT_EQ(servers.size(), 1U);
  EXPECT_EQ(servers.known(), 2U);
  EXPECT_EQ(servers.slot(0), 1U);
  EXPECT_EQ(servers.identity(0), identity_of("api", "a2"));
  EXPECT_EQ(servers.identity(1), identity_of("api", "a1"));
  EXPECT_EQ(servers.name(0), "a2");
  EXPECT_EQ(servers.address(0), "127.0.0.1:2");
  EXPECT_EQ(servers.weight(0), 7U);
  EXPECT_EQ(servers.tier(0), 1U);
  EXPECT_EQ(servers.in_flight(0), 1U);
  EXPECT_EQ(servers.latency_us(0), 900U);
  EXPECT_EQ(servers.words(0)[2], 4U);
  EXPECT_EQ(servers.words()[3], 5U);
  EXPECT_TRUE(servers.is_usable(0));
  EXPECT_FALSE(servers.is_usable(1)) << "it is not in use";
}

}  // namespace
}  // namespace weir::upstream
