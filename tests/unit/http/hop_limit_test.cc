// SPDX-License-Identifier: Apache-2.0
//
// Max-Forwards is counted down exactly, Via is counted, and TRACE shows no secrets.
#include "http/hop_limit.h"

#include "http/messages.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http::test {
namespace {

struct Counted {
  HopVerdict verdict;
  std::string left;  ///< Max-Forwards, or "-"
};

Counted count(const std::string& method, const std::string& fields) {
  ParsedRequest parsed =
      parse_request_text(method + " / HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
  Arena arena;
  const HopVerdict verdict = count_hop(parsed.head, arena);
  const Field* field = parsed.head.headers.find("Max-Forwards");
  return {verdict, field ? std::string(field->value) : "-"};
}

TEST(HopLimit, CountsDownForTraceAndOptions) {
  for (const char* method : {"TRACE", "OPTIONS"}) {
    EXPECT_EQ(count(method, "max-forwards: 10\r\n").left, "9");
    EXPECT_EQ(count(method, "Max-Forwards: 1\r\n").left, "0");
    EXPECT_EQ(count(method, "Max-Forwards: 0001\r\n").left, "0");
    EXPECT_EQ(count(method, "Max-Forwards: 0\r\n").verdict, HopVerdict::Answer);
    EXPECT_EQ(count(method, "").left, "-");
    EXPECT_EQ(count(method, "").verdict, HopVerdict::Forward);
  }
  for (const char* method : {"GET", "HEAD", "POST", "PROPFIND"}) {
    EXPECT_EQ(count(method, "Max-Forwards: 0\r\n").verdict, HopVerdict::Forward);
    EXPECT_EQ(count(method, "Max-Forwards: 5\r\n").left, "5");
  }
}

TEST(HopLimit, NumbersThatAreTooLargeBecomeTheLargest) {
  for (const char* number : {"2147483647", "2147483648", "4294967296", "18446744073709551616",
                             "99999999999999999999999999"})
    EXPECT_EQ(count("TRACE", "Max-Forwards: " + std::string(number) + "\r\n").left, "2147483646");
  EXPECT_EQ(count("TRACE", "Max-Forwards: 2147483630\r\n").left, "2147483629");
}

TEST(HopLimit, WhatIsNoNumberIsMalformed) {
  for (const char* value : {"", "-1", "+1", "1.0", "x", "1 2", "1,1", "0x1"})
    EXPECT_EQ(count("OPTIONS", "Max-Forwards: " + std::string(value) + "\r\n").verdict,
              HopVerdict::Malformed)
        << value;
  EXPECT_EQ(count("TRACE", "Max-Forwards: 1\r\nMAX-FORWARDS: 1\r\n").verdict,
            HopVerdict::Malformed);
}

TEST(HopLimit, ManyVisitsAreALoop) {
  std::string one = "Via: ", several;
  for (int i = 0; i <= most_visits; ++i) {
    EXPECT_EQ(count("GET", one + "1.1 a\r\n" + several).verdict, HopVerdict::Forward) << i;
    (i % 2 == 0 ? one : several) += i % 2 == 0 ? "HTTP/1.1 weir (a, b), " : "Via: 2  weir\r\n";
  }
  EXPECT_EQ(count("GET", one + "1.1 a\r\n" + several).verdict, HopVerdict::Loop);
}

TEST(HopLimit, OthersAreNoVisits) {
  std::string via;
  for (int i = 0; i < 2 * most_visits; ++i)
    via += "Via: 1.1 weird, 1.1 weir:80, weir, 1.1 a (weir), 1.1\tWeir\r\n";
  EXPECT_EQ(count("GET", via).verdict, HopVerdict::Forward);
}

TEST(Reflection, LeavesSecretsOut) {
  EXPECT_EQ(reflection("\r\nTRACE / HTTP/1.1\r\nHost: a\r\nCOOKIE: x\r\nX: Cookie: y\r\n"
                       "authorization: z\r\nProxy-Authorization: z\r\n\r\n"),
            "TRACE / HTTP/1.1\r\nHost: a\r\nX: Cookie: y\r\n\r\n");
  EXPECT_EQ(reflection(""), "");
  EXPECT_EQ(reflection("no line end"), "no line end");
}

}  // namespace
}  // namespace weir::http::test
