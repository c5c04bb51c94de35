// SPDX-License-Identifier: Apache-2.0
//
// How the lists of a listener, of backends and of a route become one, and for which backends each policy of it holds.
#include "config/policies.h"

#include "config/loading.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::config {
namespace {

// The route's policies in order, each as its first value and the backends for which it holds.
std::string policies_of(const std::string& listener, const std::string& a, const std::string& b,
                        const std::string& c, const std::string& route) {
  const Loaded loaded =
      load_text("listener web { bind 127.0.0.1:80; " + listener + "\nroute { forward a; " + route +
                " } }\n" + "backend b { server s 127.0.0.1:1; fallback c; " + b + " }\n" +
                "backend a { server s 127.0.0.1:1; fallback b; " + a + " }\n" +
                "backend c { server s 127.0.0.1:1; " + c + " }\n");
  EXPECT_TRUE(loaded.config) << loaded.diagnostics.text();
  std::string all;
  if (!loaded.config) return all;
  for (const Policy& policy : loaded.config->listeners[0].routes[0].policies) {
    all += (all.empty() ? "" : " ") + policy.values[0] + ":";
    for (int i = 0; i < 16; ++i)
      if (policy.backends >> i & 1) all += "abc???????????????"[i];
  }
  return all;
}

TEST(Policies, StandInWrittenOrderFromOutsideIn) {
  EXPECT_EQ(
      policies_of("shine l; header l2", "shine a", "shine b; header b2", "shine c", "shine r"),
      "l:abc l2:abc a:a b:b b2:b c:c r:abc");
}

TEST(Policies, ABackendClearsWhatComesFromOutsideForItselfOnly) {
  EXPECT_EQ(policies_of("shine l; header l2", "shine none; shine a", "", "header none", ""),
            "l:bc l2:ab a:a");
  EXPECT_EQ(policies_of("shine l", "shine none", "shine none; shine b", "shine none", ""), "b:b");
}

TEST(Policies, ARouteClearsForAll) {
  EXPECT_EQ(policies_of("shine l; header l2", "shine a", "header b", "", "shine none; shine r"),
            "l2:abc b:b r:abc");
}

TEST(Policies, OfARouteThatDoesNotForward) {
  const Loaded loaded = load_text("listener web { bind 127.0.0.1:80; shine l; route close }\n");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(loaded.config->listeners[0].routes[0].policies.at(0).backends, 1);
}

TEST(Policies, AChainIsInOrder) {
  const Loaded loaded = load_text(
      "listener web { bind 127.0.0.1:80; route forward b }\n"
      "backend a { server s 127.0.0.1:1 }\nbackend b { server s 127.0.0.1:1; fallback c }\n"
      "backend c { server s 127.0.0.1:1; fallback a }\n");
  ASSERT_TRUE(loaded.config);
  EXPECT_EQ(chain_of(*loaded.config, 1), (std::vector<std::uint32_t>{1, 2, 0}));
  EXPECT_EQ(chain_of(*loaded.config, 0), (std::vector<std::uint32_t>{0}));
}

}  // namespace
}  // namespace weir::config
