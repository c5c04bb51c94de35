// SPDX-License-Identifier: Apache-2.0
//
// Addresses: from texts and from the kernel, to texts, and in ranges.
#include "net/address.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstring>
#include <string>

namespace weir::net {
namespace {

using Kind = config::Endpoint::Kind;

Address make(Kind kind, const std::string& host, std::uint16_t port = 0) {
  auto address = Address::from({kind, host, port, host});
  EXPECT_TRUE(address) << host;
  return address ? *address : Address();
}

std::string host_of(const Address& address) {
  char out[108];
  return std::string(address.host(out));
}

struct Shown {
  Kind kind;
  std::string host;
  std::uint16_t port;
  int family;
  std::string shown_host, text;
};

class AddressShown : public testing::TestWithParam<Shown> {};

TEST_P(AddressShown, AsAnOperatorWritesIt) {
  const Shown& a = GetParam();
  const Address address = make(a.kind, a.host, a.port);
  EXPECT_TRUE(address.is_set());
  EXPECT_EQ(address.family(), a.family);
  EXPECT_EQ(address.port(), a.port);
  EXPECT_EQ(host_of(address), a.shown_host);
  EXPECT_EQ(address.text(), a.text);
  EXPECT_TRUE(Address::from(address.get(), address.size()) == address);
}

INSTANTIATE_TEST_SUITE_P(
    Addresses, AddressShown,
    testing::Values(
        Shown{Kind::Ip4, "192.0.2.1", 80, AF_INET, "192.0.2.1", "192.0.2.1:80"},
        Shown{Kind::Ip4, "0.0.0.0", 0, AF_INET, "0.0.0.0", "0.0.0.0:0"},
        Shown{Kind::Ip4, "255.100.10.9", 65535, AF_INET, "255.100.10.9", "255.100.10.9:65535"},
        Shown{Kind::Ip6, "::1", 8080, AF_INET6, "::1", "[::1]:8080"},
        Shown{Kind::Ip6, "2001:DB8:0:0::1", 1, AF_INET6, "2001:db8::1", "[2001:db8::1]:1"},
        Shown{Kind::Ip6, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 443, AF_INET6,
              "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
              "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:443"},
        Shown{Kind::Ip6, "::ffff:192.0.2.1", 80, AF_INET6, "192.0.2.1", "192.0.2.1:80"},
        Shown{Kind::Unix, "/run/a b.sock", 0, AF_UNIX, "/run/a b.sock", "unix:/run/a b.sock"},
        Shown{Kind::Unix, std::string(107, '/'), 0, AF_UNIX, std::string(107, '/'),
              "unix:" + std::string(107, '/')}));

TEST(Address, IsUnsetAtFirst) {
  EXPECT_FALSE(Address().is_set());
  EXPECT_TRUE(Address() == Address());
  int count = 1;
  Address().bytes(count);
  EXPECT_EQ(count, 0);
}

TEST(Address, RefusesWhatIsNoNumber) {
  const config::Endpoint bad[] = {{Kind::Name, "localhost", 80, "localhost:80"},
                                  {Kind::Ip4, "1.2.3", 80, "1.2.3:80"},
                                  {Kind::Ip4, "1.2.3.256", 80, "1.2.3.256:80"},
                                  {Kind::Ip6, "1.2.3.4", 80, "[1.2.3.4]:80"},
                                  {Kind::Ip6, "fe80::1%eth0", 80, "x"},
                                  {Kind::Unix, std::string(108, 'a'), 0, "long"}};
  for (const config::Endpoint& endpoint : bad) {
    auto address = Address::from(endpoint);
    ASSERT_FALSE(address) << endpoint.text;
    EXPECT_EQ(address.error().code(), Errc::Invalid);
    EXPECT_NE(address.error().text().find(endpoint.text), std::string::npos);
  }
}

TEST(Address, FromBareIp) {
  EXPECT_EQ(Address::from_ip("192.0.2.7")->text(), "192.0.2.7:0");
  EXPECT_EQ(Address::from_ip("2001:db8::7")->text(), "[2001:db8::7]:0");
  for (const char* bad : {"", "192.0.2.7:80", "[::1]", "::1]", " ::1", "1.2.3.4 ", "example.org",
                          "0x7f.1", "127.1", "1.2.3.4\n", ":"})
    EXPECT_FALSE(Address::from_ip(bad)) << bad;
}

// What accept fills in for Unix peers is shorter than the structure.
TEST(Address, FromTheKernel) {
  sockaddr_un unnamed{};
  unnamed.sun_family = AF_UNIX;
  const auto* bytes = reinterpret_cast<const sockaddr*>(&unnamed);
  Address address = Address::from(bytes, sizeof(sa_family_t));
  EXPECT_EQ(host_of(address), "unix:");
  EXPECT_EQ(address.text(), "unix:");
  EXPECT_EQ(address.port(), 0);
  std::memcpy(unnamed.sun_path, "\0abstract", 9);
  EXPECT_EQ(Address::from(bytes, offsetof(sockaddr_un, sun_path) + 9).text(), "unix:");
  // A path of full length has no end mark.
  std::memset(unnamed.sun_path, 'p', sizeof(unnamed.sun_path));
  address = Address::from(bytes, sizeof(unnamed));
  EXPECT_EQ(host_of(address), std::string(sizeof(unnamed.sun_path), 'p'));
  EXPECT_EQ(Address::from(bytes, offsetof(sockaddr_un, sun_path) + 3).text(), "unix:ppp");
}

TEST(Address, ChangesItsPort) {
  Address four = make(Kind::Ip4, "192.0.2.1", 1), six = make(Kind::Ip6, "::1", 1),
          local = make(Kind::Unix, "/a");
  for (Address* address : {&four, &six, &local}) address->set_port(50'001);
  EXPECT_EQ(four.text(), "192.0.2.1:50001");
  EXPECT_EQ(six.text(), "[::1]:50001");
  EXPECT_EQ(local.text(), "unix:/a");
}

TEST(Address, ComparesEverything) {
  const Address all[] = {Address(),
                         make(Kind::Ip4, "192.0.2.1", 80),
                         make(Kind::Ip4, "192.0.2.1", 81),
                         make(Kind::Ip4, "192.0.2.2", 80),
                         make(Kind::Ip6, "::1", 80),
                         make(Kind::Unix, "/a"),
                         make(Kind::Unix, "/ab")};
  for (const Address& a : all)
    for (const Address& b : all) EXPECT_EQ(a == b, &a == &b) << a.text() << " " << b.text();
  EXPECT_TRUE(make(Kind::Ip6, "::1", 80) == make(Kind::Ip6, "0:0::1", 80));
}

config::Cidr cidr(const std::string& ip, int bits) {
  config::Cidr range;
  const Address address = *Address::from_ip(ip);
  range.v6 = ip.find(':') != std::string::npos;
  int count;
  const std::uint8_t* bytes = address.bytes(count);
  std::memcpy(range.bytes, bytes, static_cast<std::size_t>(count));
  range.bits = static_cast<std::uint8_t>(bits);
  return range;
}

struct Within {
  std::string ip, range;
  int bits;
  bool is_in;
};

class AddressRange : public testing::TestWithParam<Within> {};

TEST_P(AddressRange, HoldsItsAddressesOnly) {
  const Within& w = GetParam();
  EXPECT_EQ(Address::from_ip(w.ip)->is_in(cidr(w.range, w.bits)), w.is_in)
      << w.ip << " in " << w.range << "/" << w.bits;
}

INSTANTIATE_TEST_SUITE_P(
    Ranges, AddressRange,
    testing::Values(
        Within{"10.1.2.3", "10.0.0.0", 8, true}, Within{"11.1.2.3", "10.0.0.0", 8, false},
        Within{"192.0.2.127", "192.0.2.0", 25, true}, Within{"192.0.2.128", "192.0.2.0", 25, false},
        Within{"192.0.2.1", "192.0.2.1", 32, true}, Within{"192.0.2.0", "192.0.2.1", 32, false},
        Within{"203.0.113.9", "0.0.0.0", 0, true}, Within{"::1", "0.0.0.0", 0, false},
        Within{"1.2.3.4", "::", 0, false}, Within{"2001:db8::5", "::", 0, true},
        Within{"2001:db8::5", "2001:db8::", 32, true},
        Within{"2001:db9::5", "2001:db8::", 32, false},
        Within{"2001:db8::1", "2001:db8::", 127, true},
        Within{"2001:db8::2", "2001:db8::", 127, false},
        Within{"2001:db8::2", "2001:db8::2", 128, true},
        // IPv4 in IPv6 is IPv4, and nothing else.
        Within{"::ffff:10.1.2.3", "10.0.0.0", 8, true}, Within{"::ffff:10.1.2.3", "::", 0, false}));

TEST(Address, UnixIsInNoRange) {
  EXPECT_FALSE(make(Kind::Unix, "/a").is_in(cidr("0.0.0.0", 0)));
  EXPECT_FALSE(make(Kind::Unix, "/a").is_in(cidr("::", 0)));
}

}  // namespace
}  // namespace weir::net
