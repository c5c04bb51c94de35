// SPDX-License-Identifier: Apache-2.0
//
// The table of phases: what may follow to what.
#include "proxy/stream_phase.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace weir::proxy {
namespace {

Phase phase(std::size_t number) { return static_cast<Phase>(number); }

TEST(StreamPhase, ARequestCanAlwaysBeGivenUp) {
  for (std::size_t from = 0; from < phases; ++from)
    EXPECT_TRUE(may_follow(phase(from), Phase::Finish)) << name_of(phase(from));
}

TEST(StreamPhase, ItCanAlwaysBeAnsweredUntilItIsOver) {
  for (std::size_t from = 0; from < static_cast<std::size_t>(Phase::Finish); ++from)
    EXPECT_TRUE(may_follow(phase(from), Phase::Respond)) << name_of(phase(from));
  EXPECT_FALSE(may_follow(Phase::Finish, Phase::Respond));
}

TEST(StreamPhase, NothingFollowsToTheEnd) {
  for (std::size_t to = 0; to < static_cast<std::size_t>(Phase::Finish); ++to)
    EXPECT_FALSE(may_follow(Phase::Finish, phase(to))) << name_of(phase(to));
}

TEST(StreamPhase, AnAnswerIsNotFollowedByAnotherTry) {
  for (const Phase from : {Phase::Respond, Phase::Relay})
    for (const Phase to : {Phase::Choose, Phase::Connect, Phase::Send, Phase::Route})
      EXPECT_FALSE(may_follow(from, to));
}

TEST(StreamPhase, FiltersOfAFallbackComeBeforeAServerIsChosen) {
  EXPECT_TRUE(may_follow(Phase::Choose, Phase::Request));
  for (const Phase from : {Phase::Connect, Phase::Send, Phase::Await, Phase::Respond})
    EXPECT_FALSE(may_follow(from, Phase::Request)) << name_of(from);
}

TEST(StreamPhase, TheWayOfARequest) {
  for (std::size_t from = 0; from + 1 < phases; ++from)
    EXPECT_TRUE(may_follow(phase(from), phase(from + 1))) << name_of(phase(from));
}

TEST(StreamPhase, EachHasANameOfItsOwn) {
  std::set<std::string> names;
  for (std::size_t i = 0; i < phases; ++i) names.emplace(name_of(phase(i)));
  EXPECT_EQ(names.size(), phases);
}

}  // namespace
}  // namespace weir::proxy
