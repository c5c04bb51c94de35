// SPDX-License-Identifier: Apache-2.0
//
// Sockets of a plan: which of them are made, which are taken again, and what is said if neither is possible.
#include "process/start.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace weir::process {
namespace {

Fd open_null() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

ino_t inode(const Fd& fd) {
  struct stat about {};
  EXPECT_EQ(::fstat(fd.get(), &about), 0);
  return about.st_ino;
}

BindPlan at(const std::string& text, const std::string& place) {
  return {0, {config::Endpoint::Kind::Ip4, "127.0.0.1", 0, text}, place};
}

Plan plan_of(std::vector<BindPlan> binds) {
  Plan plan;
  plan.workers = 2;
  plan.binds = std::move(binds);
  return plan;
}

std::vector<ListeningSocket> sockets_of(const std::string& address, std::uint32_t count) {
  std::vector<ListeningSocket> made;
  for (std::uint32_t i = 0; i < count; ++i) made.push_back({open_null(), i, address});
  return made;
}

Result<std::vector<ListeningSocket>> bind(const Plan& plan,
                                          const std::vector<ListeningSocket>& sockets,
                                          const std::vector<ListeningSocket>& given_up,
                                          std::uint32_t room) {
  std::vector<std::string> notes;
  return bind_missing(plan, {sockets, given_up, room, false}, notes);
}

TEST(BindMissing, TakesAgainWhatWasGivenUp) {
  const auto given_up = sockets_of("one", 3);
  auto made = bind(plan_of({at("one", "f:1"), at("two", "f:2")}), {}, given_up, 1000);
  ASSERT_TRUE(made) << made.error().text();
  ASSERT_GT(made->size(), 6U);
  const std::size_t each = made->size() / 2;
  for (std::size_t i = 0; i < made->size(); ++i) {
    EXPECT_EQ((*made)[i].address, i < each ? "one" : "two");
    EXPECT_EQ(inode((*made)[i].fd) == inode(given_up[0].fd), i < 3) << i;
    EXPECT_NE((*made)[i].fd.get(), given_up[std::min<std::size_t>(i, 2)].fd.get());
  }
}

TEST(BindMissing, LeavesAloneWhatIsBound) {
  auto made = bind(plan_of({at("one", "f:1")}), sockets_of("one", 1), {}, 1000);
  ASSERT_TRUE(made);
  EXPECT_TRUE(made->empty());
}

TEST(BindMissing, SaysWhereThereIsNoRoom) {
  auto made = bind(plan_of({at("one", "f:1")}), {}, {}, 3);
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code(), Errc::Limit);
}

// However few are wanted: one that is left out would be closed with its clients in it.
TEST(BindMissing, TakesAllOfAnAddressThatComesBack) {
  auto made = bind(plan_of({at("one", "f:1")}), {}, sockets_of("one", 40), 1000);
  ASSERT_TRUE(made) << made.error().text();
  EXPECT_EQ(made->size(), 40U);
}

TEST(BindMissing, SaysWhichOneCannotBeTakenAgain) {
  const auto given_up = sockets_of("one", 16);
  const Plan plan = plan_of({at("one", "weir.conf:3")});
  rlimit old{};
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &old), 0);
  // The lowest that is free, and no more.
  const rlimit few{static_cast<rlim_t>(open_null().get()) + 1, old.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &few), 0);
  auto made = bind(plan, {}, given_up, 1000);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &old), 0);
  ASSERT_FALSE(made);
  const std::string why = made.error().text();
  EXPECT_NE(why.find("weir.conf:3"), std::string::npos) << why;
  EXPECT_NE(why.find("one: Too many open files"), std::string::npos) << why;
}

}  // namespace
}  // namespace weir::process
