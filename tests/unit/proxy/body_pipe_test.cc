// SPDX-License-Identifier: Apache-2.0
//
// BodyPipe: pieces through stages that watch, change, collect and wait, in any mixture; and what memory they take.
#include "proxy/body_pipe.h"

#include "fakes/fake_journal.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace weir::proxy {
namespace {

std::span<const char> bytes(std::string_view text) { return {text.data(), text.size()}; }

struct World final : PipeFilters, PipeOutlet, PipeEvents {
  std::map<std::uint32_t, std::function<Pass(BodyPiece&)>> filters;
  std::map<std::uint32_t, std::function<Pass()>> at_end;
  std::string out, told;
  bool room = true, is_at_end = false;
  int collected = 0;
  Pass decided = Pass::Through;
  http::Failure refused = http::Failure::None;
  std::vector<std::uint32_t> refused_by;
  std::function<void(std::span<const char>)> on_pass = [](std::span<const char>) {};

  Pass body(Direction, std::uint32_t filter, BodyPiece& piece) override {
    return filters.at(filter)(piece);
  }
  Pass end(Direction, std::uint32_t filter, Headers&) override {
    told += "end " + std::to_string(filter) + " ";
    const auto found = at_end.find(filter);
    return found == at_end.end() ? Pass::Through : found->second();
  }
  void refuse(Direction, std::uint32_t filter) override { refused_by.push_back(filter); }
  Pass breach(std::uint32_t, std::string_view) override { return Pass::Breaches; }
  bool has_room() const override { return room; }
  void pass(std::span<const char> piece) override {
    on_pass(piece);
    out.append(piece.data(), piece.size());
  }
  void pass_end(Headers&) override { is_at_end = true; }
  void flush() override {}
  void on_collected(Direction) override { ++collected; }
  void on_decided(Direction, Pass pass) override { decided = pass; }
  void on_refused(Direction, http::Failure why) override { refused = why; }
};

Pass observe(World& world, BodyPiece& piece) {
  world.told.append("<").append(piece.bytes().data(), piece.bytes().size()).append(">");
  return Pass::Through;
}
Pass upper(BodyPiece& piece) {
  std::string text(piece.bytes().begin(), piece.bytes().end());
  for (char& c : text) c = static_cast<char>(std::toupper(c));
  piece.write(bytes(piece.is_last() ? "!" : text));
  return Pass::Through;
}

constexpr std::uint64_t block = Buffer::block_memory;
constexpr std::size_t payload = Buffer::block_payload;

struct BodyPipeTest : testing::Test {
  World world;
  test::FakeJournal journal;
  BodyMemory memory{journal};
  BodyPipe pipe{Direction::Request, world, world, world, memory};
};

TEST_F(BodyPipeTest, WatchersAndChangersInTheirOrder) {
  world.filters[0] = [&](BodyPiece& piece) { return observe(world, piece); };
  world.filters[1] = upper;
  world.filters[2] = [&](BodyPiece& piece) { return observe(world, piece); };
  pipe.add({0, Body::Observe, 0, Over::Reject, true});
  pipe.add({1, Body::Transform, 0, Over::Reject, false});
  pipe.add({2, Body::Observe, 0, Over::Reject, true});
  pipe.take(bytes("one"));
  EXPECT_EQ(world.out, "ONE");
  pipe.take(bytes("two"));
  pipe.take_end({});
  EXPECT_EQ(world.out, "ONETWO!");
  EXPECT_EQ(world.told, "<one><ONE><two><TWO>end 0 <!>end 2 ");
  EXPECT_TRUE(world.is_at_end);
  EXPECT_EQ(pipe.framing({BodyEnd::Length, 6}).end, BodyEnd::Chunked);
}

TEST_F(BodyPipeTest, NothingIsTakenWhileSomebodyWaits) {
  int calls = 0;
  world.filters[0] = [&](BodyPiece&) { return ++calls == 1 ? Pass::Waits : Pass::Through; };
  pipe.add({0, Body::Observe, 0, Over::Reject, false});
  EXPECT_TRUE(pipe.wants());
  pipe.take(bytes("held"));
  EXPECT_FALSE(pipe.wants());
  pipe.take(bytes(" back"));
  pipe.take_end({});
  EXPECT_EQ(world.out, "");
  EXPECT_EQ(pipe.held(), 9u);
  pipe.go_on();
  EXPECT_EQ(world.out, "held back");
  EXPECT_EQ(calls, 2);
  EXPECT_TRUE(world.is_at_end);
}

TEST_F(BodyPipeTest, NorIsAnybodyElseCalled) {
  std::string seen;
  bool waits = true;
  world.filters[0] = [&](BodyPiece& piece) {
    seen.append(piece.bytes().data(), piece.bytes().size());
    return upper(piece);
  };
  world.filters[1] = [&](BodyPiece& piece) {
    (void)upper(piece);
    return std::exchange(waits, false) ? Pass::Waits : Pass::Through;
  };
  for (std::uint32_t i : {0u, 1u}) pipe.add({i, Body::Transform, 0, Over::Reject, false});
  pipe.take(bytes("one"));
  pipe.take(bytes("two"));
  pipe.take_end({});
  EXPECT_EQ(seen, "one") << "one filter at a time waits in a direction";
  pipe.go_on();
  EXPECT_EQ(seen, "onetwo");
  EXPECT_EQ(world.out, "ONETWO!!");
}

TEST_F(BodyPipeTest, WholeComesOnceAndGoesOnWhenItMay) {
  std::string seen;
  world.filters[0] = [&](BodyPiece& piece) {
    for (auto span : piece.spans()) seen.append(span.data(), span.size());
    EXPECT_TRUE(piece.is_last());
    return Pass::Waits;
  };
  pipe.add({0, Body::Whole, 100, Over::Reject, false});
  pipe.add({1, Body::Observe, 0, Over::Reject, false});
  world.filters[1] = [&](BodyPiece& piece) { return observe(world, piece); };
  world.room = false;
  for (const char* part : {"a", "b", "c"}) {
    EXPECT_TRUE(pipe.wants());
    pipe.take(bytes(part));
  }
  pipe.take_end({});
  EXPECT_EQ(seen, "abc");
  EXPECT_TRUE(pipe.is_collecting());
  pipe.go_on();
  EXPECT_EQ(world.collected, 1);
  EXPECT_FALSE(pipe.is_collecting());
  EXPECT_EQ(pipe.framing({BodyEnd::Length, 3}).length, 3u);
  EXPECT_EQ(world.out, "");
  world.room = true;
  pipe.run();
  EXPECT_EQ(world.out, "abc");
  EXPECT_EQ(world.told, "<abc>");
  EXPECT_TRUE(world.is_at_end);
}

TEST_F(BodyPipeTest, WholeMayBeReplaced) {
  world.filters[0] = [](BodyPiece& piece) {
    piece.write(bytes("other"));
    piece.write(bytes(" text"));
    return Pass::Through;
  };
  pipe.add({0, Body::Whole, 100, Over::Reject, false});
  pipe.take(bytes("abc"));
  world.room = false;
  pipe.take_end({});
  EXPECT_EQ(pipe.framing({BodyEnd::Length, 3}).length, 10u);
  world.room = true;
  pipe.run();
  EXPECT_EQ(world.out, "other text");
}

TEST_F(BodyPipeTest, WhatIsTooLongByWhatItSays) {
  pipe.add({0, Body::Observe, 0, Over::Reject, false});
  pipe.add({1, Body::Whole, 200, Over::Prefix, false});
  pipe.add({2, Body::Whole, 100, Over::Reject, false});
  EXPECT_TRUE(pipe.takes(100));
  EXPECT_EQ(world.refused, http::Failure::None);
  EXPECT_FALSE(pipe.takes(101));
  EXPECT_EQ(world.refused, http::Failure::RequestBodyTooLarge);
  EXPECT_EQ(world.refused_by, std::vector<std::uint32_t>{2});
  EXPECT_FALSE(pipe.wants());
}

TEST_F(BodyPipeTest, NobodyKnowsHowLongItIsOnceItWasChanged) {
  pipe.add({0, Body::Transform, 0, Over::Reject, false});
  pipe.add({1, Body::Whole, 100, Over::Reject, false});
  EXPECT_TRUE(pipe.takes(1000));
}

TEST_F(BodyPipeTest, WhatIsTooLong) {
  for (Over over : {Over::Reject, Over::Prefix, Over::Pass}) {
    World other;
    std::string seen;
    other.filters[0] = [&](BodyPiece& piece) {
      for (auto span : piece.spans()) seen.append(span.data(), span.size());
      EXPECT_TRUE(piece.is_cut());
      return Pass::Through;
    };
    BodyPipe cut(Direction::Request, other, other, other, memory);
    cut.add({0, Body::Whole, 4, over, false});
    cut.take(bytes("123"));
    cut.take(bytes("456"));
    cut.take(bytes("789"));
    cut.take_end({});
    EXPECT_EQ(other.refused,
              over == Over::Reject ? http::Failure::RequestBodyTooLarge : http::Failure::None);
    EXPECT_EQ(memory.held(), 0U);
    EXPECT_EQ(other.out, over == Over::Reject ? "" : "123456789");
    EXPECT_EQ(seen, over == Over::Prefix ? "1234" : "");
  }
}

TEST_F(BodyPipeTest, AVerdictEndsIt) {
  world.filters[0] = [](BodyPiece&) { return Pass::Responds; };
  pipe.add({0, Body::Observe, 0, Over::Reject, true});
  pipe.take(bytes("x"));
  EXPECT_EQ(world.decided, Pass::Responds);
  pipe.take(bytes("y"));
  pipe.take_end({});
  EXPECT_EQ(world.out, "");
  EXPECT_EQ(world.told, "");
  EXPECT_FALSE(world.is_at_end);
}

TEST_F(BodyPipeTest, WhoOnlyWatchesMayNotWrite) {
  world.filters[0] = [](BodyPiece& piece) {
    piece.write(bytes("mine"));
    return Pass::Through;
  };
  pipe.add({0, Body::Observe, 0, Over::Reject, false});
  pipe.take(bytes("x"));
  EXPECT_EQ(world.decided, Pass::Breaches);
  EXPECT_EQ(world.out, "");
}

// It may be sent once more to another server.
TEST_F(BodyPipeTest, AReplacedBodyKeepsItsLengthWhenItHasPassed) {
  world.filters[0] = [](BodyPiece& piece) {
    piece.write(bytes("longer"));
    return Pass::Through;
  };
  pipe.add({0, Body::Whole, 100, Over::Reject, false});
  pipe.take(bytes("one"));
  pipe.take_end({});
  EXPECT_EQ(world.out, "longer");
  EXPECT_EQ(pipe.framing({BodyEnd::Length, 3}).length, 6U);
}

TEST_F(BodyPipeTest, WhoIsLeftOutSeesNothingMoreAndIsToldNoEnd) {
  world.filters[0] = [&](BodyPiece& piece) { return observe(world, piece); };
  pipe.add({0, Body::Observe, 0, Over::Reject, true});
  pipe.take(bytes("one"));
  EXPECT_EQ(pipe.part_of(0), BodyStage::Part::Idle);
  pipe.leave(0);
  pipe.take(bytes("two"));
  pipe.take_end({});
  EXPECT_EQ(world.told, "<one>");
  EXPECT_EQ(world.out, "onetwo");
  EXPECT_TRUE(world.is_at_end);
}

TEST_F(BodyPipeTest, WhoChangesABodyCannotBeLeftOutInTheMiddle) {
  world.filters[0] = upper;
  pipe.add({0, Body::Transform, 0, Over::Reject, false});
  EXPECT_EQ(pipe.part_of(0), BodyStage::Part::Idle);
  EXPECT_EQ(pipe.part_of(1), BodyStage::Part::None);
  pipe.take(bytes("one"));
  EXPECT_EQ(pipe.part_of(0), BodyStage::Part::Changing);
  pipe.take_end({});
  EXPECT_EQ(pipe.part_of(0), BodyStage::Part::Idle);
  pipe.leave(0);
  const Framing framing = pipe.framing({BodyEnd::Length, 3});
  EXPECT_EQ(framing.end, BodyEnd::Length);
  EXPECT_EQ(framing.length, 4U);
}

TEST_F(BodyPipeTest, FromTheNextPieceOnASkippedFilterSeesNothing) {
  world.filters[0] = [&](BodyPiece& piece) {
    pipe.skip(0);
    return observe(world, piece);
  };
  pipe.add({0, Body::Observe, 0, Over::Reject, false});
  pipe.take(bytes("one"));
  pipe.take(bytes("two"));
  EXPECT_EQ(world.told, "<one>");
  EXPECT_EQ(world.out, "onetwo");
}

// ---- Memory ------------------------------------------------------------------------------------

TEST_F(BodyPipeTest, WhatPassesTakesNoMemory) {
  world.filters[0] = [&](BodyPiece& piece) { return observe(world, piece); };
  pipe.add({0, Body::Observe, 0, Over::Reject, false});
  memory.limit(0);
  pipe.take(bytes(std::string(100'000, 'x')));
  pipe.take_end({});
  EXPECT_TRUE(world.is_at_end);
  EXPECT_EQ(world.refused, http::Failure::None);
}

TEST_F(BodyPipeTest, WhatLiesInItDoes) {
  world.filters[0] = [](BodyPiece&) { return Pass::Through; };
  pipe.add({0, Body::Whole, 1'000'000, Over::Reject, false});
  memory.limit(3 * block);
  pipe.take(bytes("x"));
  EXPECT_EQ(memory.held(), block);
  pipe.take(bytes(std::string(payload, 'x')));
  EXPECT_EQ(memory.held(), 2 * block);
  EXPECT_EQ(journal.body_memory, 2 * block);
  world.room = false;
  pipe.take_end({});
  EXPECT_EQ(memory.held(), 2 * block);
  world.room = true;
  pipe.run();
  EXPECT_TRUE(world.is_at_end);
  EXPECT_EQ(memory.held(), 0U);
  EXPECT_EQ(journal.body_memory, 0U);
}

TEST_F(BodyPipeTest, WhatWouldTakeTooMuchIsRefused) {
  world.filters[0] = [](BodyPiece&) { return Pass::Through; };
  pipe.add({0, Body::Whole, 1'000'000, Over::Reject, false});
  pipe.add({1, Body::None, 0, Over::Reject, true});
  memory.limit(3 * block);
  pipe.take(bytes(std::string(3 * payload, 'x')));
  EXPECT_EQ(memory.held(), 3 * block);
  EXPECT_EQ(world.refused, http::Failure::None);
  pipe.take(bytes("y"));
  EXPECT_EQ(world.refused, http::Failure::Overloaded);
  EXPECT_EQ(world.refused_by, std::vector<std::uint32_t>{0})
      << "the other one wanted nothing of it";
  EXPECT_EQ(memory.held(), 0U);
  EXPECT_EQ(pipe.held(), 0U);
  EXPECT_FALSE(pipe.wants());
  pipe.take(bytes("z"));
  pipe.take_end({});
  EXPECT_EQ(world.out, "");
}

TEST_F(BodyPipeTest, FirstComeFirstServed) {
  World second;
  BodyPipe late(Direction::Request, second, second, second, memory);
  for (BodyPipe* each : {&pipe, &late}) each->add({0, Body::Whole, 1'000'000, Over::Reject, false});
  memory.limit(2 * block);
  pipe.take(bytes(std::string(payload + 1, 'x')));
  late.take(bytes("y"));
  EXPECT_EQ(second.refused, http::Failure::Overloaded);
  pipe.take(bytes("x"));
  EXPECT_EQ(world.refused, http::Failure::None);
  pipe.stop();
  EXPECT_EQ(memory.held(), 0U);
}

TEST_F(BodyPipeTest, WhoWritesWithoutEndIsBounded) {
  for (Body kind : {Body::Transform, Body::Whole}) {
    World other;
    other.room = false;
    std::size_t written = 0;
    other.filters[0] = [&](BodyPiece& piece) {
      for (const std::string much(payload, 'x'); written < 1000 * payload; written += payload)
        piece.write(bytes(much));
      EXPECT_LE(memory.held(), 20 * block);
      return Pass::Through;
    };
    memory.limit(20 * block);
    BodyPipe through(Direction::Response, other, other, other, memory);
    through.add({0, kind, 100, Over::Reject, false});
    through.take(bytes("x"));
    through.take_end({});
    EXPECT_EQ(written, 1000 * payload);
    EXPECT_EQ(other.refused, http::Failure::Overloaded);
    EXPECT_EQ(other.decided, Pass::Through);
    EXPECT_EQ(memory.held(), 0U);
  }
}

TEST_F(BodyPipeTest, OneThatPassesNeedsNoLeave) {
  const std::string piece(most_passing / block * payload, 'x');
  for (Body kind : {Body::Observe, Body::Transform}) {
    World other;
    other.room = false;
    other.filters[0] = [&](BodyPiece& its) {
      if (kind == Body::Transform) its.write(its.bytes());
      return Pass::Through;
    };
    memory.limit(0);
    BodyPipe through(Direction::Response, other, other, other, memory);
    through.add({0, kind, 0, Over::Reject, false});
    through.take(bytes(piece));
    EXPECT_EQ(memory.held(), most_passing);
    EXPECT_EQ(other.refused, http::Failure::None);
    other.room = true;
    through.run();
    EXPECT_EQ(other.out, piece);
    EXPECT_EQ(memory.held(), 0U);
  }
}

TEST_F(BodyPipeTest, BetweenPiecesItIsHeldBack) {
  int calls = 0;
  const std::string much(3 * payload, 'x');
  world.filters[0] = [&](BodyPiece& piece) {
    ++calls;
    piece.write(bytes(much));
    return Pass::Through;
  };
  pipe.add({0, Body::Transform, 0, Over::Reject, false});
  world.room = false;
  pipe.take(bytes("x"));
  EXPECT_FALSE(pipe.wants());
  EXPECT_EQ(memory.held(), 3 * block);
  world.room = true;
  pipe.run();
  EXPECT_TRUE(pipe.wants());
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(memory.held(), 0U);
}

// As a request that is kept to be sent again: nothing is counted twice.
TEST_F(BodyPipeTest, WhoTakesABlockFromItMayCountItInstead) {
  for (Body behind : {Body::None, Body::Observe}) {
    World other;
    BodyMemory::Share kept(memory, true);
    other.on_pass = [&](std::span<const char>) { EXPECT_TRUE(kept.grow(block)); };
    for (std::uint32_t i : {0U, 1U}) other.filters[i] = [](BodyPiece&) { return Pass::Through; };
    memory.limit(3 * block);
    BodyPipe through(Direction::Request, other, other, other, memory);
    through.add({0, Body::Whole, 1'000'000, Over::Reject, false});
    through.add({1, behind, 0, Over::Reject, true});
    through.take(bytes(std::string(3 * payload, 'x')));
    EXPECT_EQ(memory.held(), 3 * block);
    through.take_end({});
    EXPECT_TRUE(other.is_at_end);
    EXPECT_EQ(kept.held(), 3 * block);
    EXPECT_EQ(memory.held(), 3 * block);
  }
  EXPECT_EQ(memory.held(), 0U);
}

TEST_F(BodyPipeTest, StoppedFromWithinItLetsGoAfterwards) {
  world.filters[0] = [&](BodyPiece&) {
    pipe.stop();
    EXPECT_EQ(pipe.held(), 3 * payload) << "it is being told of that";
    return Pass::Aborts;
  };
  pipe.add({0, Body::Whole, 1'000'000, Over::Reject, false});
  pipe.take(bytes(std::string(3 * payload, 'x')));
  pipe.take_end({});
  EXPECT_EQ(pipe.held(), 0U);
  EXPECT_EQ(memory.held(), 0U);
}

}  // namespace
}  // namespace weir::proxy
