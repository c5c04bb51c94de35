// SPDX-License-Identifier: Apache-2.0
//
// Rounds over the clients of a listener: in order, a part in each iteration of the loop, whatever becomes of the clients
// meanwhile.
#include "proxy/clients.h"

#include "fakes/steps.h"

#include <gtest/gtest.h>

#include <functional>
#include <utility>
#include <vector>

namespace weir::proxy {
namespace {

struct World {
  test::ManualClock clock;
  event::Loop loop{clock};
  std::vector<int> expelled;  ///< numbers of clients, in order
  std::vector<bool> at_once;
  std::vector<int> described;
  std::uint64_t visit_us = 50;  ///< so that three clients have their turn in an iteration
};

/// A client that takes time to be looked at.  Idle ones end as soon as they may, busy ones when they have to.
struct FakeClient final : ClientConnection {
  FakeClient(World& of, int name) : world(of), number(name) {}
  bool is_idle() const override { return idle; }
  bool is_lingering() const override {
    world.clock.advance(world.visit_us);
    return lingering;
  }
  bool close_if_quiet(std::uint64_t) override {
    if (idle) unlink();
    return idle;
  }
  void expel(bool now) override {
    world.expelled.push_back(number);
    world.at_once.push_back(now);
    if (!idle && !now) return;
    world.clock.advance(world.visit_us);
    unlink();
  }
  std::uint32_t describe(shm::Report&, std::uint32_t at) const override {
    world.described.push_back(number);
    return at + 1;
  }

  World& world;
  int number;
  bool idle = false, lingering = false;
};

struct ClientsTest : testing::Test {
  ~ClientsTest() override {
    for (FakeClient* client : all)
      if (!client->is_linked()) delete client;
  }
  FakeClient& add(bool idle = false) {
    all.push_back(new FakeClient(world, static_cast<int>(all.size())));
    all.back()->idle = idle;
    clients.enter(*all.back());
    return *all.back();
  }
  std::vector<std::uint32_t> left() const {
    const shm::ClientsLeft left = clients.left(all.size());
    return {left.idle, left.busy};
  }
  /// Iterations of the loop until that holds.
  void turn(std::function<bool()> until) { test::Steps(world.loop).when(std::move(until)).run(); }

  World world;
  std::vector<FakeClient*> all;
  Clients clients{world.loop};
};

std::vector<int> numbers(int from, int to) {
  std::vector<int> all;
  while (from < to) all.push_back(from++);
  return all;
}

TEST_F(ClientsTest, AnIterationExpelsAsManyAsItHasTimeFor) {
  for (int i = 0; i < 100; ++i) add(i % 2 == 0);
  clients.begin({.expels = true});
  std::size_t before = world.expelled.size();
  EXPECT_EQ(before, 3U);
  turn([&] {
    EXPECT_LE(world.expelled.size() - before, 3U);
    before = world.expelled.size();
    return before == 100;
  });
  EXPECT_EQ(world.expelled, numbers(0, 100));
  EXPECT_EQ(left(), (std::vector<std::uint32_t>{0, 50}));
}

// What a client is told costs time later in the iteration, which nobody has measured yet.
TEST_F(ClientsTest, AnIterationVisitsNotTooManyThatTakeNoTime) {
  world.visit_us = 0;
  for (int i = 0; i < 100; ++i) add();
  clients.begin({.expels = true});
  EXPECT_EQ(world.expelled.size(), 64U);
  turn([&] { return world.expelled.size() == 100; });
}

TEST_F(ClientsTest, ClientsMayEndBeforeTheirTurn) {
  for (int i = 0; i < 10; ++i) add();
  clients.begin({.expels = true});
  for (const int gone : {5, 8, 9}) all[static_cast<std::size_t>(gone)]->unlink();
  turn([&] { return left()[1] > 0; });
  EXPECT_EQ(world.expelled, (std::vector<int>{0, 1, 2, 3, 4, 6, 7}));
  EXPECT_EQ(left(), (std::vector<std::uint32_t>{0, 7}));
}

// Control ends a drain when nobody is idle and few are busy: those that were not counted yet must not be missing.
TEST_F(ClientsTest, ClientsThatWereNotCountedAreIdle) {
  for (int i = 0; i < 6; ++i) add(i == 0);
  all[5]->lingering = true;
  EXPECT_EQ(left(), (std::vector<std::uint32_t>{6, 0})) << "nobody has looked";
  clients.begin({});
  EXPECT_EQ(left(), (std::vector<std::uint32_t>{6, 0})) << "half of them were looked at";
  add();
  test::Steps(world.loop)
      .when([&] { return left()[1] > 0; },
            [&] {
              EXPECT_EQ(left(), (std::vector<std::uint32_t>{2, 4})) << "a newcomer";
              clients.begin({.closes_idle = true});
            })
      .when([&] { return left()[1] == 5; })
      .run();
  EXPECT_EQ(left(), (std::vector<std::uint32_t>{0, 5})) << "all were looked at";
}

TEST_F(ClientsTest, WelcomeEndsARound) {
  for (int i = 0; i < 10; ++i) add();
  clients.begin({.expels = true});
  add();
  clients.welcome();
  EXPECT_EQ(left(), (std::vector<std::uint32_t>{11, 0}));
  int turns = 0;
  turn([&] { return ++turns == 10; });
  EXPECT_EQ(world.expelled, numbers(0, 3));
  clients.begin({.expels = true});
  EXPECT_EQ(world.expelled, numbers(0, 6)) << "the next one goes on there";
}

TEST_F(ClientsTest, PolitelyFirst) {
  for (int i = 0; i < 4; ++i) add();
  clients.begin({.expels = true});
  world.clock.advance(2'000'000);
  turn([&] {
    if (world.expelled.size() == 4) clients.begin({.expels = true});
    return world.expelled.size() == 8;
  });
  EXPECT_EQ(world.at_once, std::vector<bool>(8, false)) << "the first round has just ended";
  world.clock.advance(1'000'001);
  clients.begin({.expels = true});
  EXPECT_TRUE(world.at_once.back());
}

TEST_F(ClientsTest, DescribesThemInOrder) {
  for (int i = 0; i < 10; ++i) add();
  clients.begin({.expels = true});
  shm::Segment segment = *shm::Segment::create({});
  shm::Report report(segment, 0);
  EXPECT_EQ(clients.describe(report, shm::Report::most_rows - 5), shm::Report::most_rows);
  EXPECT_EQ(world.described, numbers(3, 8)) << "those that wait, as far as there is room";
}

}  // namespace
}  // namespace weir::proxy
