// SPDX-License-Identifier: Apache-2.0
//
// Which servers take requests: the rules that workers choose by and `explain` prints.
#include "upstream/standing.h"

#include <gtest/gtest.h>

#include <initializer_list>

namespace weir::upstream {
namespace {

using shm::Use;

Standing server(Use use, std::uint32_t weight = 10) {
  return {use, weight, false, false, true, false};
}

bool panics(std::initializer_list<Standing> servers, std::uint32_t percent) {
  PanicScale scale;
  for (const Standing& each : servers) scale.add(each);
  return scale.is_panic(percent);
}

TEST(Standing, PanicComesBelowTheShareOfWeight) {
  const Standing up = server(Use::Up), down = server(Use::Down);
  EXPECT_FALSE(panics({up, down}, 50));
  EXPECT_TRUE(panics({up, down}, 51));
  EXPECT_TRUE(panics({up, server(Use::Down, 90)}, 50));
  EXPECT_FALSE(panics({down, down}, 0));  // panic none
  EXPECT_FALSE(panics({}, 50));
}

TEST(Standing, PanicKnowsNothingBadOfStartingServers) {
  EXPECT_FALSE(panics({server(Use::Starting), server(Use::Down)}, 50));
  EXPECT_TRUE(panics({server(Use::HalfOpen), server(Use::Down)}, 50));
}

TEST(Standing, PanicCountsNeitherBackupsNorWhatAnOperatorTookOut) {
  Standing backup = server(Use::Up), drained = server(Use::Drain);
  backup.is_backup = true;
  drained.is_forced_out = true;
  EXPECT_TRUE(panics({backup, server(Use::Down)}, 50));
  EXPECT_FALSE(panics({drained, drained, server(Use::Up)}, 50));
}

struct Case {
  const char* name;
  Standing server;
  bool panic;
  Duty expected;
};

constexpr Standing standing(Use use, std::uint32_t weight, bool forced_out, bool address,
                            bool limited) {
  return {use, weight, false, forced_out, address, limited};
}

constexpr Case cases[] = {
    {"up", standing(Use::Up, 1, false, true, false), false, {true, false, false}},
    {"up, limited", standing(Use::Up, 1, false, true, true), false, {true, false, true}},
    {"weight 0", standing(Use::Up, 0, false, true, true), false, {false, false, false}},
    {"down", standing(Use::Down, 1, false, true, true), false, {false, false, false}},
    {"down, panic", standing(Use::Down, 1, false, true, false), true, {true, false, false}},
    {"down by hand, panic", standing(Use::Down, 1, true, true, false), true, {false, false, false}},
    {"no address, panic", standing(Use::Down, 1, false, false, false), true, {false, false, false}},
    {"drain", standing(Use::Drain, 1, true, true, true), true, {false, false, false}},
    {"half-open", standing(Use::HalfOpen, 1, false, true, false), false, {false, true, false}},
    {"half-open, panic", standing(Use::HalfOpen, 1, false, true, false), true, {true, true, false}},
    {"half-open, weight 0",
     standing(Use::HalfOpen, 0, false, true, false),
     true,
     {false, false, false}},
    {"starting", standing(Use::Starting, 1, false, true, false), false, {false, false, true}},
    {"starting, panic", standing(Use::Starting, 1, false, true, false), true, {false, false, true}},
    {"starting, weight 0",
     standing(Use::Starting, 0, false, false, false),
     false,
     {false, false, true}},
};

TEST(Standing, DutyOfEachUse) {
  for (const Case& each : cases) {
    const Duty duty = duty_of(each.server, each.panic);
    EXPECT_EQ(duty.regular, each.expected.regular) << each.name;
    EXPECT_EQ(duty.trial, each.expected.trial) << each.name;
    EXPECT_EQ(duty.awaited, each.expected.awaited) << each.name;
  }
}

}  // namespace
}  // namespace weir::upstream
