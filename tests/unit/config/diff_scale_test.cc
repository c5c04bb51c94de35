// SPDX-License-Identifier: Apache-2.0
//
// The comparison of two large configurations.
#include "config/diff.h"
#include "config/loading.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace weir::config {
namespace {

TEST(Diff, ManyRoutesAndServers) {
  constexpr int many = 10000;  // looking at each pair of them would be felt
  std::string routes = "listener web { bind 127.0.0.1:80\n", others = routes;
  std::string servers = "}\nbackend b {\n", reversed = servers;
  for (int i = 0; i < many; ++i) {
    const std::string n = std::to_string(i);
    routes += "route path /" + n + " forward b\n";
    servers += "server s" + n + " 127.0.0.1:1\n";
  }
  for (int i = many; i-- > 0;) {
    const std::string n = std::to_string(i);
    others += "route path /" + n + " forward b\n";
    reversed += "server s" + n + " 127.0.0.1:1 weight 2\n";
  }
  const Loaded from = load_text(routes + servers + "}"), to = load_text(others + reversed + "}");
  ASSERT_TRUE(from.config && to.config);
  const std::vector<Change> changes = diff(*from.config, *to.config);
  EXPECT_EQ(changes.size(), many + 1U);
  EXPECT_EQ(changes.front().what, "order");
  EXPECT_EQ(diff(*from.config, *from.config).size(), 0U);
}

}  // namespace
}  // namespace weir::config
