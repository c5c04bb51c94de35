// SPDX-License-Identifier: Apache-2.0
//
// Tunnels that are told to leave, by their owner or by their time limits: what has begun is finished, WebSocket says
// Close to both sides (RFC 6455 §5.5.1), and nobody is waited for longer than a few seconds.
#include "proxy/tunnel.h"
#include "proxy/tunnel_ends.h"

#include <gtest/gtest.h>

#include <functional>
#include <string>

namespace weir::proxy {
namespace {

constexpr std::uint64_t second = 1'000'000;
constexpr std::uint64_t farewell = 5 * second;
constexpr std::uint64_t wheel_step = 16'384;         // deadlines may be so late
constexpr std::size_t close_down = 4, close_up = 8;  // bytes of a Close frame with a status

using test::is_about;

using LeaveTest = AnyTunnelTest;
INSTANTIATE_TEST_SUITE_P(Ends, LeaveTest, all_kinds, kind_name);

TEST_P(LeaveTest, SaysCloseToBothSidesBetweenFrames) {
  start_any(true);
  const std::string up = frame(Way::Up, "hi"), down = frame(Way::Down, "ho");
  say(Way::Up, up);
  say(Way::Down, down);
  tunnel->leave();
  EXPECT_EQ(heard(Way::Up).substr(0, up.size()), up);
  EXPECT_EQ(heard(Way::Up).size(), up.size() + close_up);
  EXPECT_EQ(close_status(Way::Up, heard(Way::Up)), 1001);
  EXPECT_EQ(heard(Way::Down), down + "\x88\x02\x03\xe9");
  EXPECT_EQ(counted(Way::Up), up.size());
  EXPECT_EQ(counted(Way::Down), down.size() + close_down);
  EXPECT_EQ(server->ends(), 1);
  EXPECT_TRUE(ended.empty()) << "the server has something to answer";
}

TEST_P(LeaveTest, WaitsForTheServersAnswerWhichNobodyReads) {
  start_any(true);
  tunnel->leave();
  const std::string told = heard(Way::Down);
  say(Way::Down, frame(Way::Down, "\x03\xe9", 8));
  EXPECT_EQ(heard(Way::Down), told);
  EXPECT_TRUE(ended.empty());
  say_end(Way::Down);
  EXPECT_EQ(ended, std::vector<bool>{true});
}

TEST_P(LeaveTest, FinishesTheFrameThatHasBegun) {
  for (const Way way : {Way::Up, Way::Down}) {
    start_any(true);
    const std::string all = frame(way, "a frame in two pieces");
    const std::string before = heard(way);
    say(way, all.substr(0, 12));
    tunnel->leave();
    EXPECT_EQ(heard(way), before + all.substr(0, 12));
    say(way, all.substr(12) + frame(way, "one more"));
    tunnel->run();
    const std::string last = heard(way).substr(before.size());
    EXPECT_EQ(last.substr(0, all.size()), all);
    EXPECT_EQ(last.size(), all.size() + (way == Way::Up ? close_up : close_down));
    EXPECT_EQ(close_status(way, last), 1001);
    tunnel->stop();
  }
}

TEST_P(LeaveTest, FinishesAHeadThatHasBegun) {
  start_any(true);
  const std::string all = frame(Way::Down, std::string(200, 'x'));
  say(Way::Down, all.substr(0, 3));
  tunnel->leave();
  say(Way::Down, all.substr(3));
  tunnel->run();
  EXPECT_EQ(heard(Way::Down), all + "\x88\x02\x03\xe9");
}

TEST_P(LeaveTest, SaysNothingToAClientWhoseServerHasSaidClose) {
  start_any(true);
  const std::string close = frame(Way::Down, "\x03\xe8", 8);
  say(Way::Down, close);
  tunnel->leave();
  EXPECT_EQ(heard(Way::Down), close);
  EXPECT_EQ(close_status(Way::Up, heard(Way::Up)), 1001);
}

// Both have said what they had to say: the server has nothing to answer.
TEST_P(LeaveTest, WaitsForNobodyWhenBothHaveSaidClose) {
  start_any(true);
  const std::string up = frame(Way::Up, "\x03\xe8", 8), down = frame(Way::Down, "\x03\xe8", 8);
  say(Way::Up, up);
  say(Way::Down, down);
  tunnel->leave();
  EXPECT_EQ(heard(Way::Up), up);
  EXPECT_EQ(heard(Way::Down), down);
  EXPECT_EQ(ended, std::vector<bool>{true});
}

TEST_P(LeaveTest, SaysNothingToWhoSpeaksNoWebsocket) {
  start_any(true);
  say(Way::Up, "no frame");
  say(Way::Down, "\x7fnor this");
  tunnel->leave();
  EXPECT_EQ(heard(Way::Up), "no frame");
  EXPECT_EQ(heard(Way::Down), "\x7fnor this");
  EXPECT_EQ(ended, std::vector<bool>{true});
}

TEST_P(LeaveTest, OtherProtocolsJustEnd) {
  start_any();
  say(Way::Up, frame(Way::Up, "hi"));
  say(Way::Down, "\x01half a frame");
  tunnel->leave();
  EXPECT_EQ(heard(Way::Up), frame(Way::Up, "hi"));
  EXPECT_EQ(heard(Way::Down), "\x01half a frame");
  EXPECT_EQ(server->ends(), 1);
  EXPECT_EQ(ended, std::vector<bool>{true});
}

TEST_P(LeaveTest, IsToldOnceOnly) {
  start_any(true);
  tunnel->leave();
  const std::string up = heard(Way::Up), down = heard(Way::Down);
  tunnel->leave();
  tunnel->run();
  EXPECT_EQ(heard(Way::Up), up);
  EXPECT_EQ(heard(Way::Down), down);
  EXPECT_EQ(server->ends(), 1);
}

// ---- Time limits -------------------------------------------------------------------------------

TEST_P(LeaveTest, CutsOffAServerThatDoesNotEnd) {
  start_any(true);
  tunnel->leave();
  EXPECT_TRUE(is_about(pass_until_over(), farewell));
  EXPECT_EQ(ended, std::vector<bool>{false});
}

TEST_P(LeaveTest, CutsOffAFrameThatDoesNotEnd) {
  start_any(true);
  const std::string all = frame(Way::Up, std::string(100, 'x'));
  say(Way::Up, all.substr(0, 10));
  tunnel->leave();
  // Bytes that still come are no reason to wait for longer.
  clock.advance(4 * second);
  say(Way::Up, all.substr(10, 10));
  tunnel->on_sent();
  EXPECT_TRUE(is_about(pass_until_over(), second));
  EXPECT_EQ(ended, std::vector<bool>{false});
  EXPECT_EQ(heard(Way::Up), all.substr(0, 20)) << "a Close frame inside of another one";
}

TEST_P(LeaveTest, IsNotCutOffOnceItIsStopped) {
  start_any(true);
  tunnel->leave();
  tunnel->stop();
  clock.advance(2 * farewell);
  turn();
  EXPECT_TRUE(ended.empty());
}

TEST_P(LeaveTest, LeavesAfterSilence) {
  start_any(true, {.silence = 3 * second});
  EXPECT_TRUE(is_about(
      pass_until([this] { return close_status(Way::Down, heard(Way::Down)) != 0; }), 3 * second));
  EXPECT_EQ(close_status(Way::Up, heard(Way::Up)), 1001);
  EXPECT_TRUE(ended.empty());
}

TEST_P(LeaveTest, LeavesWhenItsTimeIsUp) {
  const std::uint64_t at = clock.monotonic_us() + 7 * second;
  start_any(true, {.silence = 0, .end = at});
  EXPECT_TRUE(is_about(
      pass_until([this] { return close_status(Way::Down, heard(Way::Down)) != 0; }), 7 * second));
}

TEST_P(LeaveTest, LeavesAfterSilenceThoughThereIsTimeLeft) {
  const std::uint64_t at = clock.monotonic_us() + 3 * second;
  start_any(false, {.silence = 2 * second, .end = at});
  EXPECT_TRUE(is_about(pass_until_over(), 2 * second));
}

TEST_P(LeaveTest, LeavesWhenItsTimeIsUpThoughItIsNotSilent) {
  const std::uint64_t at = clock.monotonic_us() + 2 * second;
  start_any(false, {.silence = 3 * second, .end = at});
  EXPECT_TRUE(is_about(pass_until_over(), 2 * second));
  EXPECT_EQ(ended, std::vector<bool>{true});
}

/// Something happens every second until half a minute has passed, then nothing any more.
struct ProgressTest : AnyTunnelTest {
  /// When the tunnel has ended, after it began and after the last time.
  struct Times {
    std::uint64_t begun, last;
  };
  Times end_of(const std::function<void()>& act) {
    const std::uint64_t begun = clock.monotonic_us();
    std::uint64_t last = begun;
    bool acts = true, goes_on = true;
    time.pass_while([&] { return !goes_on; });
    steps
        .when([&] {
          // Time passes in one iteration of the loop, which tells the time of the next one.
          acts = !acts;
          if (acts) {
            act();
            last = clock.monotonic_us();
          } else {
            clock.advance(second);
          }
          goes_on = last < begun + 30 * second && ended.empty();
          return !goes_on;
        })
        .when([&] { return !ended.empty(); })
        .run();
    return {clock.monotonic_us() - begun, clock.monotonic_us() - last};
  }
};
INSTANTIATE_TEST_SUITE_P(Ends, ProgressTest, all_kinds, kind_name);

TEST_P(ProgressTest, BytesToTheServerAreNoSilence) {
  start_any(false, {.silence = 3 * second});
  EXPECT_TRUE(is_about(end_of([this] { say(Way::Up, "x"); }).last, 3 * second));
  EXPECT_EQ(counted(Way::Up), 30U);
}

TEST_P(ProgressTest, BytesToTheClientAreNoSilence) {
  start_any(false, {.silence = 3 * second});
  EXPECT_TRUE(is_about(end_of([this] { say(Way::Down, "x"); }).last, 3 * second));
  EXPECT_EQ(counted(Way::Down), 30U);
}

TEST_P(ProgressTest, BytesThatLeaveAreNoSilence) {
  start_any(false, {.silence = 3 * second});
  EXPECT_TRUE(is_about(end_of([this] { tunnel->on_sent(); }).last, 3 * second));
}

TEST_P(ProgressTest, TheEndComesWhateverHappens) {
  const std::uint64_t at = clock.monotonic_us() + 7 * second;
  start_any(false, {.silence = 3 * second, .end = at});
  const Times times = end_of([this] { say(Way::Down, "x"); });
  EXPECT_GE(times.begun, 7 * second);
  EXPECT_LE(times.begun, 8 * second) << "seconds are the steps of this test";
}

TEST_P(ProgressTest, WithoutLimitsItLasts) {
  start_any();
  turn();
  EXPECT_EQ(loop.wheel().next_us(), 0U);
  EXPECT_TRUE(ended.empty());
}

// ---- One side's own matters --------------------------------------------------------------------

TEST_F(TunnelTest, SaysCloseWhenAStreamHasFinishedItsFrame) {
  start(client_stream, server_connection, true);
  const std::string all = frame(Way::Up, "in two pieces");
  int turns = 0;
  steps
      .when([&] { return ++turns == 3; },
            [&] {
              say(Way::Up, all.substr(0, 8));
              tunnel->leave();
              const std::string rest = all.substr(8);
              tunnel->take(Way::Up, rest);
              outbox.flush();
              EXPECT_EQ(heard(Way::Up), all) << "the stream is not to be stopped while it speaks";
            })
      .when([&] { return heard(Way::Up).size() == all.size() + close_up; })
      .run();
}

TEST_F(TunnelTest, EveryCloseFrameToAServerHasAMaskOfItsOwn) {
  std::string heard_first;
  for (StreamEnd* const to : {&server_stream, &client_stream}) {
    start(client_connection, *to, true);
    tunnel->leave();
    ASSERT_EQ(to->written.size(), close_up);
    EXPECT_NE(to->written, heard_first);
    heard_first = to->written;
    tunnel->stop();
  }
}

TEST_F(TunnelTest, AClientsConnectionThatWasToldIsAwaited) {
  start(client_connection, server_connection, true);
  EXPECT_FALSE(tunnel->awaits_client());
  tunnel->leave();
  EXPECT_TRUE(tunnel->awaits_client());
}

TEST_F(TunnelTest, AClientThatWasNotToldIsNotAwaited) {
  start(client_stream, server_connection, true);
  tunnel->leave();
  EXPECT_FALSE(tunnel->awaits_client());
  tunnel->stop();
  start(client_connection, server_connection);
  tunnel->leave();
  EXPECT_FALSE(tunnel->awaits_client());
}

TEST_F(TunnelTest, AServerThatBreaksAfterItWasToldHasEnded) {
  start(client_connection, server_connection, true);
  tunnel->leave();
  server_connection.connection.then = net::Io::Failed;
  tunnel->run();
  EXPECT_EQ(ended, std::vector<bool>{true});
}

TEST_F(TunnelTest, WaitsForAClientThatTakesTheLastBytesSlowly) {
  start(client_connection, server_connection, true);
  client_connection.connection.waiting = 4;
  tunnel->leave();
  server_connection.connection.then = net::Io::End;
  tunnel->run();
  EXPECT_TRUE(ended.empty());
  client_connection.connection.waiting = 0;
  tunnel->on_sent();
  EXPECT_EQ(ended, std::vector<bool>{true});
}

// A frame that its target does not take cannot end.
TEST_F(TunnelTest, CutsOffAClientThatDoesNotTakeTheRestOfAFrame) {
  start(client_connection, server_connection, true);
  const std::string all = frame(Way::Down, "in two pieces");
  say(Way::Down, all.substr(0, 8));
  client_connection.connection.waiting = 8;
  tunnel->leave();
  server_connection.connection.input = {all.substr(8)};
  EXPECT_TRUE(is_about(pass_until_over(), farewell));
  EXPECT_EQ(ended, std::vector<bool>{false});
  EXPECT_EQ(heard(Way::Down), all.substr(0, 8));
}

}  // namespace
}  // namespace weir::proxy
