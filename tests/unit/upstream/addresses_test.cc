// SPDX-License-Identifier: Apache-2.0
//
// Sets of addresses: equal however they were ordered, kept small; and which address a connection goes to.
#include "upstream/addresses.h"

#include "config/units.h"
#include "upstream/address_set.h"

#include <gtest/gtest.h>

#include <arpa/inet.h>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace weir::upstream {
namespace {

constexpr std::uint64_t now = 1'000'000'000;

std::string ip(const char* text) {
  char bytes[16];
  if (inet_pton(AF_INET, text, bytes) == 1) return {bytes, 4};
  EXPECT_EQ(inet_pton(AF_INET6, text, bytes), 1) << text;
  return {bytes, 16};
}

std::vector<std::string> ips(const std::vector<const char*>& texts) {
  std::vector<std::string> all;
  for (const char* text : texts) all.push_back(ip(text));
  return all;
}

shm::AddressSet set_of(const std::vector<const char*>& texts, std::uint16_t port = 80,
                       const shm::AddressSet& known = {}) {
  return to_set(ips(texts), port, known);
}

/// Addresses 192.0.2.`from` and the next ones.
std::vector<std::string> many(int from, int count) {
  std::vector<std::string> all;
  for (int i = 0; i < count; ++i)
    all.push_back(ip(("192.0.2." + std::to_string(from + i)).c_str()));
  return all;
}

TEST(AddressSet, HasNoOrderAndNothingTwice) {
  const auto one = set_of({"192.0.2.2", "2001:db8::1", "192.0.2.1", "192.0.2.2"});
  EXPECT_EQ(one, set_of({"2001:db8::1", "192.0.2.1", "192.0.2.2"}));
  EXPECT_EQ(text_of(one), "192.0.2.1:80, 192.0.2.2:80, [2001:db8::1]:80");
  EXPECT_EQ(text_of({}), "");
  EXPECT_EQ(one.count, 3);
}

TEST(AddressSet, OfOneIsTheAddress) {
  for (const char* text : {"192.0.2.1:80", "[2001:db8::1]:443", "unix:/run/app.sock"}) {
    const auto address = net::Address::from(*config::parse_endpoint(text));
    const auto set = to_set(*address);
    EXPECT_EQ(set.count, 1) << text;
    EXPECT_EQ(address_of(set, 0), *address) << text;
    EXPECT_EQ(text_of(set), text);
  }
  EXPECT_EQ(to_set(net::Address()), shm::AddressSet());
}

TEST(AddressSet, KeepsAtMost16AndThoseThatWereThere) {
  const auto first = to_set(many(100, 40), 80, {});
  EXPECT_EQ(first.count, 16);
  // The same and lower ones: nothing changes as long as all that are known still come.
  auto later = many(50, 90);
  std::reverse(later.begin(), later.end());
  EXPECT_EQ(to_set(later, 80, first), first);
  const auto moved = to_set(many(110, 40), 80, first);
  EXPECT_EQ(moved.count, 16);
  EXPECT_EQ(address_of(moved, 0).text(), "192.0.2.110:80");
  EXPECT_TRUE(have_common(moved, first));
}

TEST(AddressSet, CommonIsTheSameAddressAndPort) {
  const auto some = set_of({"192.0.2.1", "192.0.2.2"});
  EXPECT_TRUE(have_common(some, set_of({"192.0.2.3", "192.0.2.2"})));
  EXPECT_FALSE(have_common(some, set_of({"192.0.2.3"})));
  EXPECT_FALSE(have_common(some, set_of({"192.0.2.2"}, 81)));
  EXPECT_FALSE(have_common(some, {}));
  const auto local = to_set(*net::Address::from(*config::parse_endpoint("unix:/run/app.sock")));
  EXPECT_TRUE(have_common(local, local));
  EXPECT_FALSE(have_common(local, some));
}

std::string dialled(Addresses& addresses, Dial& dial, std::uint64_t at = now) {
  const net::Address* to = addresses.next(dial, at);
  return to ? to->text() : "";
}

TEST(Addresses, NewConnectionsTakeTurns) {
  Addresses addresses(set_of({"192.0.2.1", "192.0.2.2", "192.0.2.3"}));
  std::multiset<std::string> begun;
  for (int i = 0; i < 6; ++i) {
    Dial dial;
    begun.insert(dialled(addresses, dial));
  }
  for (const char* text : {"192.0.2.1:80", "192.0.2.2:80", "192.0.2.3:80"})
    EXPECT_EQ(begun.count(text), 2U) << text;
}

TEST(Addresses, AConnectionTriesEachOnce) {
  Addresses addresses(set_of({"192.0.2.1", "192.0.2.2", "192.0.2.3"}));
  Dial dial;
  std::set<std::string> tried;
  for (std::size_t left = 3; left > 0; --left) {
    EXPECT_EQ(addresses.left(dial), left);
    tried.insert(dialled(addresses, dial));
    addresses.note_failed(dial, now);
  }
  EXPECT_EQ(tried.size(), 3U);
  EXPECT_EQ(dialled(addresses, dial), "");
}

TEST(Addresses, WhatFailedIsTriedLastForAWhile) {
  Addresses addresses(set_of({"192.0.2.1", "192.0.2.2"}));
  Dial first;
  const std::string bad = dialled(addresses, first);
  EXPECT_NE(addresses.note_failed(first, now), nullptr);
  EXPECT_EQ(addresses.note_failed(first, now), nullptr) << "is known";
  for (int i = 0; i < 4; ++i) {
    Dial dial;
    EXPECT_NE(dialled(addresses, dial), bad);
    EXPECT_EQ(dialled(addresses, dial), bad) << "better than none";
  }
  std::set<std::string> later;
  for (int i = 0; i < 2; ++i) {
    Dial dial;
    later.insert(dialled(addresses, dial, now + Addresses::avoid_us));
  }
  EXPECT_EQ(later.size(), 2U);
}

TEST(Addresses, KnowWhatTheyHaveLeft) {
  Addresses addresses(set_of({"192.0.2.1", "192.0.2.2"}));
  Dial one, other;
  const std::string first = dialled(addresses, one), second = dialled(addresses, other);
  EXPECT_FALSE(addresses.apply(set_of({"192.0.2.2", "192.0.2.1"})));
  EXPECT_TRUE(addresses.contains(one.address) && addresses.contains(other.address));
  const bool keeps_first = first == "192.0.2.1:80";
  EXPECT_TRUE(addresses.apply(set_of({"192.0.2.1", "192.0.2.3"})));
  EXPECT_EQ(addresses.contains(one.address), keeps_first);
  EXPECT_EQ(addresses.contains(other.address), !keeps_first);
  // Not when it comes back either: what is there may be another machine.
  EXPECT_TRUE(addresses.apply(set_of({"192.0.2.1", "192.0.2.2"})));
  EXPECT_EQ(addresses.contains(one.address), keeps_first);
  addresses.renumber();
  EXPECT_FALSE(addresses.contains(one.address) || addresses.contains(other.address));
}

TEST(Addresses, ASetOfOneIsTriedEvenIfItFailed) {
  Addresses addresses(set_of({"192.0.2.1"}));
  for (int i = 0; i < 3; ++i) {
    Dial dial;
    EXPECT_EQ(dialled(addresses, dial), "192.0.2.1:80");
    EXPECT_EQ(addresses.left(dial), 0U);
    addresses.note_failed(dial, now);
    EXPECT_EQ(dialled(addresses, dial), "");
  }
  EXPECT_TRUE(Addresses({}).empty());
}

}  // namespace
}  // namespace weir::upstream
