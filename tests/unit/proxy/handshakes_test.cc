// SPDX-License-Identifier: Apache-2.0
//
// What a kind of work has taken of a turn: nothing yet in the next one.  Who waits for a handshake gets its turn, in order.
#include "proxy/handshakes.h"

#include <gtest/gtest.h>

#include <iterator>
#include <list>
#include <vector>

namespace weir::proxy {
namespace {

TEST(Share, IsSpentInOneTurn) {
  Share share;
  EXPECT_EQ(share.spent(7), 0U);
  share.spend(7, 999);
  share.spend(7, 1);
  EXPECT_EQ(share.spent(7), 1000U);
  EXPECT_EQ(share.spent(8), 0U);
  share.spend(8, 5000);
  EXPECT_EQ(share.spent(8), 5000U);
  share.spend(9, 1);
  EXPECT_EQ(share.spent(9), 1U);
}

// A client whose handshake takes longer than there is time in a turn.
struct Greeting : event::TaskEvents {
  Greeting(event::Loop& owner, Handshakes& queue, std::vector<int>& seen, int name)
      : loop(owner), handshakes(queue), order(seen), number(name), task(*this) {
    loop.post(task);
  }
  void on_task() noexcept override {
    if (!handshakes.has_time()) return handshakes.wait(task);
    handshakes.spend(1'000'000);
    order.push_back(number);
  }

  event::Loop& loop;
  Handshakes& handshakes;
  std::vector<int>& order;
  int number;
  event::Task task;
};

TEST(Handshakes, HaveTheirTurnOneAfterTheOther) {
  event::Loop loop;
  Handshakes handshakes(loop);
  std::vector<int> order;
  std::list<Greeting> all;
  for (int i = 0; i < 40; ++i) all.emplace_back(loop, handshakes, order, i);
  all.erase(std::next(all.begin(), 20));  // one has gone before its turn
  loop.run();                             // ends when nothing is left to do
  std::vector<int> expected;
  for (int i = 0; i < 40; ++i)
    if (i != 20) expected.push_back(i);
  EXPECT_EQ(order, expected);
}

}  // namespace
}  // namespace weir::proxy
