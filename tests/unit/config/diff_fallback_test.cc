// SPDX-License-Identifier: Apache-2.0
//
// Differences in the policies of fallbacks: said once, and none is forgotten because the backend before sees nothing of it.
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

// api falls back to b; two routes name api.
std::string with_fallback(const std::string& listener, const std::string& route,
                          const std::string& backend) {
  return "listener web { bind 127.0.0.1:80; shine 0; " + listener + "\nroute r path /r { " + route +
         " forward api }\nroute s forward api }\n" +
         "backend api { server a1 127.0.0.1:81; fallback b }\n" +
         "backend b { server b1 127.0.0.1:82; " + backend + "}\n";
}

TEST(DiffFallback, PoliciesAreToldOnce) {
  EXPECT_EQ(told(with_fallback("", "", "header set X 1"), with_fallback("", "", "header set X 2")),
            "- backend b header set X \"1\"  (weir.conf:5)\n"
            "+ backend b header set X \"2\"  (weir.conf:5)\n");
  EXPECT_EQ(
      told(with_fallback("", "", "shine 1; shine 2"), with_fallback("", "", "shine 2; shine 1")),
      "~ backend b policy order shine 1, shine 2 -> shine 2, shine 1  (weir.conf:5)\n");
  EXPECT_EQ(told(with_fallback("", "", ""), with_fallback("", "", "shine none")),
            "+ backend b shine none  (weir.conf:5)\n");
  EXPECT_EQ(told(with_fallback("", "", "shine none"), with_fallback("", "", "")),
            "- backend b shine none  (weir.conf:5)\n");
  // What changes for the backend that the route names as well.
  EXPECT_EQ(told(with_fallback("", "", ""), with_fallback("header set X 1;", "", "")),
            "+ listener web header set X \"1\"  (weir.conf:1)\n");
  EXPECT_EQ(told(with_fallback("", "", ""), with_fallback("", "header set X 1;", "")),
            "+ route web/r header set X \"1\"  (weir.conf:2)\n");
  EXPECT_EQ(told(with_fallback("", "", ""), with_fallback("", "shine none;", "")),
            "- route web/r shine 0  (weir.conf:1)\n");
}

TEST(DiffFallback, PoliciesThatMoveCount) {
  const std::string before = with_fallback("", "header set X 1;", "");
  std::string after = with_fallback("", "", "");
  after.replace(after.find("fallback b"), 10, "fallback b; header set X 1");
  EXPECT_EQ(told(before, after),
            "- route web/r fallback b header set X \"1\"  (weir.conf:2)\n"
            "+ backend api header set X \"1\"  (weir.conf:4)\n");
}

}  // namespace
}  // namespace weir::config
