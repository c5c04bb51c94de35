// SPDX-License-Identifier: Apache-2.0
//
// Differences in who may connect, who is trusted, and what a listener says of its own.
#include "config/diff.h"
#include "config/loading.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::config {
namespace {

// The changes, a line each.
std::string told(const std::string& from, const std::string& to) {
  const Loaded a = load_text(from), b = load_text(to);
  EXPECT_TRUE(a.config) << a.diagnostics.text();
  EXPECT_TRUE(b.config) << b.diagnostics.text();
  std::string lines;
  if (a.config && b.config)
    for (const Change& change : diff(*a.config, *b.config)) lines += text(change) + "\n";
  return lines;
}

std::string in_main(const std::string& statements) {
  return statements + "\nlistener web { bind 127.0.0.1:80; route close }\n";
}
std::string in_listener(const std::string& statements) {
  return "listener web { bind 127.0.0.1:80\n" + statements + "\n}\n";
}

TEST(DiffPeers, TrustedProxies) {
  EXPECT_EQ(told(in_main("trusted_proxies ::1 unix: { fields X-Real-IP Forwarded }"),
                 in_main("trusted_proxies ::1/128 { fields forwarded forwarded x-real-ip }")),
            "- trusted_proxies unix: { fields forwarded x-real-ip }  (weir.conf:1)\n");
  EXPECT_EQ(
      told(in_main("trusted_proxies unix:"), in_main("trusted_proxies unix: { fields forwarded }")),
      "- trusted_proxies unix: { fields x-forwarded-for x-forwarded-proto }  (weir.conf:1)\n"
      "+ trusted_proxies unix: { fields forwarded }  (weir.conf:1)\n");
}

// Answers that no route gives go by a listener's own policies.
TEST(DiffPeers, ListenersPoliciesThatNoRouteHas) {
  EXPECT_EQ(told(in_listener("response_header set X 1\nroute r { response_header none; close }"),
                 in_listener("response_header set X 2\nroute r { response_header none; close }")),
            "- listener web response_header set X \"1\"  (weir.conf:2)\n"
            "+ listener web response_header set X \"2\"  (weir.conf:2)\n");
  EXPECT_EQ(told(in_listener("response_header set X 1\nroute r close"),
                 in_listener("route r { response_header set X 1; close }")),
            "- listener web response_header set X \"1\"  (weir.conf:2)\n");
}

TEST(DiffPeers, RightsOfUnixSockets) {
  EXPECT_EQ(told(in_listener("bind unix:/s { mode 0660; group g }\nroute close"),
                 in_listener("bind unix:/s { group g\n mode 0600 }\nroute close")),
            "- listener web bind unix:/s { mode 0660; group g }  (weir.conf:2)\n"
            "+ listener web bind unix:/s { mode 0600; group g }  (weir.conf:2)\n");
  EXPECT_EQ(told(in_listener("bind unix:/s { mode 666 }\nroute close"),
                 in_listener("bind unix:/s\nroute close")),
            "");
}

}  // namespace
}  // namespace weir::config
