// SPDX-License-Identifier: Apache-2.0
//
// Durations, sizes, addresses, ranges and names: what is taken and what is not.
#include "config/units.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

TEST(Units, DurationsAreReadAndPrinted) {
  const struct {
    const char* text;
    std::int64_t ms;
    const char* printed;
  } cases[] = {{"250ms", 250, "250ms"}, {"2s", 2000, "2s"},        {"5m", 300000, "5m"},
               {"1h", 3600000, "1h"},   {"7d", 604800000, "7d"},   {"60s", 60000, "1m"},
               {"90s", 90000, "90s"},   {"1500ms", 1500, "1500ms"}};
  for (const auto& each : cases) {
    const auto duration = parse_duration(each.text);
    ASSERT_TRUE(duration) << each.text;
    EXPECT_EQ(duration->count(), each.ms);
    EXPECT_EQ(duration_text(*duration), each.printed);
  }
  for (const char* bad :
       {"", "5", "s", "-1s", "1.5s", "1 s", "1S", "1m30s", "3651d", "18446744073709551616ms"})
    EXPECT_FALSE(parse_duration(bad)) << bad;
}

TEST(Units, SizesAreReadAndPrinted) {
  EXPECT_EQ(*parse_size("4k"), 4096U);
  EXPECT_EQ(*parse_size("100m"), 104857600U);
  EXPECT_EQ(*parse_size("2g"), 2147483648U);
  for (const char* text : {"4k", "100m", "2g", "1000k"})
    EXPECT_EQ(size_text(*parse_size(text)), text);
  EXPECT_EQ(size_text(*parse_size("1024k")), "1m");
  for (const char* bad : {"", "4", "k", "4K", "4kb", "-4k", "99999999999999g"})
    EXPECT_FALSE(parse_size(bad)) << bad;
}

TEST(Units, Endpoints) {
  using Kind = Endpoint::Kind;
  const struct {
    const char* text;
    Kind kind;
    const char* host;
    std::uint16_t port;
  } cases[] = {{"10.0.0.1:80", Kind::Ip4, "10.0.0.1", 80},
               {"[::1]:65535", Kind::Ip6, "::1", 65535},
               {"unix:/run/a.sock", Kind::Unix, "/run/a.sock", 0},
               {"app.internal:8080", Kind::Name, "app.internal", 8080},
               {"app:0", Kind::Name, "app", 0}};
  for (const auto& each : cases) {
    const auto endpoint = parse_endpoint(each.text);
    ASSERT_TRUE(endpoint) << each.text;
    EXPECT_EQ(endpoint->kind, each.kind);
    EXPECT_EQ(endpoint->host, each.host);
    EXPECT_EQ(endpoint->port, each.port);
    EXPECT_EQ(endpoint->text, each.text);
  }
  for (const char* bad :
       {"", ":80", "10.0.0.1", "10.0.0.1:", "10.0.0.1:x", "10.0.0.1:+1", "1.2.3:80", "[::1]80",
        "[::1", "::1:80", "unix:", "unix:a", "a..b:80", "a-.b:80", "a_b c:80", "[1.2.3.4]:80"})
    EXPECT_FALSE(parse_endpoint(bad)) << bad;
}

TEST(Units, Cidrs) {
  const auto ten = parse_cidr("10.0.0.0/8");
  ASSERT_TRUE(ten);
  EXPECT_FALSE(ten->v6);
  EXPECT_EQ(ten->bytes[0], 10);
  EXPECT_EQ(ten->bits, 8);
  EXPECT_EQ(parse_cidr("192.0.2.1")->bits, 32);
  EXPECT_EQ(parse_cidr("0.0.0.0/0")->bits, 0);
  const auto six = parse_cidr("2001:db8::/32");
  ASSERT_TRUE(six);
  EXPECT_TRUE(six->v6);
  EXPECT_EQ(six->bytes[1], 0x01);
  EXPECT_EQ(parse_cidr("::1")->bits, 128);
  for (const char* bad :
       {"", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.1/8", "::1/64", "x/8", "10/8"})
    EXPECT_FALSE(parse_cidr(bad)) << bad;
}

TEST(Units, LimitsOnTheClockOfTheLoop) {
  EXPECT_EQ(microseconds(std::nullopt), 0U);
  EXPECT_EQ(microseconds(Milliseconds(1)), 1000U);
  EXPECT_EQ(microseconds(*parse_duration("3650d")), 315'360'000'000'000U);
  EXPECT_EQ(limit_text(std::nullopt), "none");
  EXPECT_EQ(limit_text(Milliseconds(60000)), "1m");
}

TEST(Units, Names) {
  for (const char* good : {"a", "_", "a.b-c_1"}) EXPECT_TRUE(is_name(good)) << good;
  for (const char* bad : {"", "1", "-a", ".a", "a/b", "\xc3\xa4"})
    EXPECT_FALSE(is_name(bad)) << bad;
  EXPECT_FALSE(is_name(std::string(129, 'a')));
  EXPECT_TRUE(is_host_name(std::string(63, 'a') + ".b"));
  EXPECT_FALSE(is_host_name(std::string(64, 'a') + ".b"));
}

}  // namespace
}  // namespace weir::config
