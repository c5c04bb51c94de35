// SPDX-License-Identifier: Apache-2.0
//
// Producer: bodies that a filter makes: as fast as they are taken, not longer in a turn than others can wait, and nothing
// after the end, from whichever side that comes.
#include "proxy/producer.h"

#include "proxy/heart.h"

#include <algorithm>
#include <deque>
#include <optional>

namespace weir::proxy {
namespace {

/// Gives what the test says, piece by piece; then it waits.
struct ScriptedSource final : BodySource {
  Produced produce(std::span<char> into) override {
    ++calls;
    if (pieces.empty()) return {.bytes = 0, .is_end = ends};
    const std::string piece = std::move(pieces.front());
    pieces.pop_front();
    std::copy(piece.begin(), piece.end(), into.begin());
    return {.bytes = piece.size(), .is_end = ends && pieces.empty()};
  }
  void wait(Waker by) override {
    ++waits;
    waker = by;
    if (fires_at_once) {
      fires_at_once = false;
      pieces.emplace_back("at once");
      by.fire();
    }
  }

  std::deque<std::string> pieces;
  bool ends = false, fires_at_once = false;
  int calls = 0, waits = 0;
  Waker waker;
};

struct ProducerTest : Heart, ProducerUser {
  ProducerTest() { producer.emplace(context, static_cast<ProducerUser&>(*this), source); }
  ~ProducerTest() override { producer.reset(); }

  bool wants_produced() const override { return got.size() < room; }
  void on_produced(std::span<const char> bytes) override {
    EXPECT_FALSE(has_ended);
    got.append(bytes.data(), bytes.size());
    if (stops_at > 0 && got.size() >= stops_at) producer->stop();
  }
  void on_produced_end() override {
    EXPECT_FALSE(has_ended) << "it ends twice";
    has_ended = true;
  }
  const event::Subject& subject() const override { return asking; }

  test::FakeClient& asking = client();
  ScriptedSource source;
  std::string got;
  std::size_t room = SIZE_MAX, stops_at = 0;
  bool has_ended = false;
  std::optional<Producer> producer;
};

TEST_F(ProducerTest, GivesAllAndTheEnd) {
  source.pieces = {"a", "b", "c"};
  source.ends = true;
  producer->run();
  EXPECT_EQ(got, "abc");
  EXPECT_TRUE(has_ended);
  producer->run();
  EXPECT_EQ(source.calls, 3);
}

TEST_F(ProducerTest, AnEndMayComeWithoutBytes) {
  source.ends = true;
  producer->run();
  EXPECT_EQ(got, "");
  EXPECT_TRUE(has_ended);
}

TEST_F(ProducerTest, StopsWhileTheClientTakesNothing) {
  source.pieces = {"a", "b", "c"};
  source.ends = true;
  room = 2;
  producer->run();
  EXPECT_EQ(got, "ab");
  EXPECT_FALSE(has_ended);
  turn(4);
  EXPECT_EQ(source.calls, 2) << "it goes on when it is told to";
  room = SIZE_MAX;
  producer->run();
  EXPECT_EQ(got, "abc");
  EXPECT_TRUE(has_ended);
}

// Much of it comes in several turns.
TEST_F(ProducerTest, LeavesOthersTheirShare) {
  for (int i = 0; i < 10; ++i) source.pieces.emplace_back("x");
  source.ends = true;
  producer->run();
  EXPECT_EQ(got.size(), 4U);
  until([this] { return has_ended; });
  EXPECT_EQ(got.size(), 10U);
}

// ---- Waiting -----------------------------------------------------------------------------------

TEST_F(ProducerTest, WaitsForItsSource) {
  source.pieces = {"a"};
  producer->run();
  EXPECT_EQ(source.waits, 1);
  producer->run();
  EXPECT_EQ(source.calls, 2) << "nothing has come";
  source.pieces = {"b"};
  source.ends = true;
  source.waker.fire();
  EXPECT_EQ(got, "a") << "nobody is called from inside";
  source.waker.fire();
  until([this] { return has_ended; });
  EXPECT_EQ(got, "ab");
  source.waker.fire();
  turn(2);
}

TEST_F(ProducerTest, MayBeWokenWhileItBeginsToWait) {
  source.fires_at_once = true;
  producer->run();
  turn(2);
  EXPECT_EQ(got, "at once");
  EXPECT_EQ(source.waits, 2);
}

TEST_F(ProducerTest, AWakeThatComesForAFullClientIsNotLost) {
  producer->run();
  room = 0;
  source.pieces = {"a"};
  source.ends = true;
  source.waker.fire();
  turn(2);
  EXPECT_EQ(got, "");
  room = SIZE_MAX;
  producer->run();
  EXPECT_EQ(got, "a");
}

// ---- The end -----------------------------------------------------------------------------------

TEST_F(ProducerTest, StoppedWhileItWaits) {
  producer->run();
  producer->stop();
  source.pieces = {"a"};
  source.waker.fire();
  turn(2);
  EXPECT_EQ(got, "");
  EXPECT_EQ(source.calls, 1);
}

TEST_F(ProducerTest, StoppedBeforeItGoesOn) {
  for (int i = 0; i < 10; ++i) source.pieces.emplace_back("x");
  producer->run();
  producer->stop();
  turn(2);
  EXPECT_EQ(got.size(), 4U);
}

TEST_F(ProducerTest, StoppedBehindItsWake) {
  producer->run();
  source.pieces = {"a"};
  source.waker.fire();
  producer->stop();
  turn(2);
  EXPECT_EQ(got, "");
}

TEST_F(ProducerTest, StoppedByWhoTakesIt) {
  source.pieces = {"a", "b"};
  source.ends = true;
  stops_at = 1;
  producer->run();
  turn(2);
  EXPECT_EQ(got, "a");
  EXPECT_FALSE(has_ended);
}

// The last piece has had the answer replaced.
TEST_F(ProducerTest, StoppedByTheLastPiece) {
  source.pieces = {"a"};
  source.ends = true;
  stops_at = 1;
  producer->run();
  EXPECT_FALSE(has_ended);
}

TEST_F(ProducerTest, DestroyedInEachState) {
  producer->run();  // it waits
  const Waker late = source.waker;
  producer.emplace(context, static_cast<ProducerUser&>(*this), source);
  source.pieces = {"a"};
  late.fire();
  turn(2);
  EXPECT_EQ(got, "");
  source.pieces.assign(10, "x");
  producer->run();  // it goes on later
  producer.emplace(context, static_cast<ProducerUser&>(*this), source);
  turn(2);
  EXPECT_EQ(got.size(), 4U);
}

}  // namespace
}  // namespace weir::proxy
