// SPDX-License-Identifier: Apache-2.0
//
// Bytes through a tunnel, between connections and streams of HTTP/2: all of them, in order, both ways, no more than
// the other side takes, until both have ended or one breaks.  How it is told to leave: tunnel_leave_test.cc.
#include "proxy/tunnel.h"

#include "proxy/tunnel_ends.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::proxy {
namespace {

INSTANTIATE_TEST_SUITE_P(Ends, AnyTunnelTest, all_kinds, kind_name);

TEST_P(AnyTunnelTest, PassesBytesBothWaysAndCountsThem) {
  start_any();
  say(Way::Up, "question");
  say(Way::Down, "answ");
  say(Way::Down, "er");
  EXPECT_EQ(heard(Way::Up), "question");
  EXPECT_EQ(heard(Way::Down), "answer");
  EXPECT_EQ(counted(Way::Up), 8U);
  EXPECT_EQ(counted(Way::Down), 6U);
  EXPECT_TRUE(ended.empty());
}

TEST_P(AnyTunnelTest, PassesFramesAsTheyAre) {
  start_any(true);
  const std::string up = frame(Way::Up, "hi") + frame(Way::Up, std::string(70'000, 'u'));
  const std::string down = frame(Way::Down, "ho") + frame(Way::Down, std::string(70'000, 'd'));
  for (std::size_t at = 0; at < up.size(); at += 10'000) say(Way::Up, up.substr(at, 10'000));
  for (std::size_t at = 0; at < down.size(); at += 10'000) say(Way::Down, down.substr(at, 10'000));
  EXPECT_TRUE(heard(Way::Up) == up);
  EXPECT_TRUE(heard(Way::Down) == down);
}

// What is no frame is passed on all the same.
TEST_P(AnyTunnelTest, PassesWhatIsNoFrame) {
  start_any(true);
  for (const Way way : {Way::Up, Way::Down}) {
    say(way, "\x7fno frame");
    say(way, ", nor this");
    EXPECT_EQ(heard(way), "\x7fno frame, nor this");
  }
}

TEST_P(AnyTunnelTest, TheServersEndIsPassedOnBehindItsLastByte) {
  start_any();
  say(Way::Up, "q");
  say(Way::Down, "last");
  say_end(Way::Down);
  EXPECT_EQ(heard(Way::Down), "last");
  // A client's stream ends with the answer it belongs to.
  EXPECT_EQ(client->ends(), client->is_stream() ? 0 : 1);
  EXPECT_EQ(server->ends(), 0);
}

TEST_P(AnyTunnelTest, TheClientsEndIsPassedOnAndTheServerSpeaksOn) {
  start_any();
  say(Way::Up, "last");
  say_end(Way::Up);
  say(Way::Down, "still");
  EXPECT_EQ(heard(Way::Up), "last");
  EXPECT_EQ(heard(Way::Down), "still");
  EXPECT_EQ(server->ends(), 1);
  EXPECT_EQ(client->ends(), 0);
  EXPECT_TRUE(ended.empty());
  tunnel->run();
  EXPECT_EQ(server->ends(), 1) << "told twice";
  say_end(Way::Down);
  EXPECT_EQ(ended, std::vector<bool>{true});
}

// Room is seen before anything is read, so that bytes wait with who sends them.
TEST_P(AnyTunnelTest, TakesNoMoreThanTheOtherSideTakes) {
  start_any();
  for (const Way way : {Way::Up, Way::Down}) {
    target(way).open_up(false);
    EXPECT_FALSE(tunnel->wants(way) && target(way).is_stream());
    if (source(way).is_stream()) continue;
    test::FakeTransport& from = connection_of(source(way)).connection;
    const std::size_t before = from.reads;
    say(way, "waits");
    EXPECT_EQ(from.reads, before);
    EXPECT_EQ(heard(way), "");
    target(way).open_up(true);
    tunnel->on_sent();
    EXPECT_EQ(heard(way), "waits");
  }
}

TEST_P(AnyTunnelTest, WantsWhatAStreamSaysWhileThereIsRoom) {
  start_any();
  for (const Way way : {Way::Up, Way::Down}) {
    EXPECT_TRUE(tunnel->wants(way));
    target(way).open_up(false);
    EXPECT_FALSE(tunnel->wants(way));
    target(way).open_up(true);
    EXPECT_TRUE(tunnel->wants(way));
  }
  tunnel->stop();
  EXPECT_FALSE(tunnel->wants(Way::Up));
  EXPECT_FALSE(tunnel->wants(Way::Down));
}

TEST_P(AnyTunnelTest, SaysNothingAfterItsEnd) {
  start_any();
  say_end(Way::Up);
  say_end(Way::Down);
  ASSERT_EQ(ended, std::vector<bool>{true});
  for (const Way way : {Way::Up, Way::Down}) {
    tunnel->take(way, std::string_view("late"));
    tunnel->take_end(way);
  }
  tunnel->run();
  tunnel->on_sent();
  tunnel->leave();
  turn();
  EXPECT_EQ(ended.size(), 1U);
  EXPECT_EQ(counted(Way::Up) + counted(Way::Down), 0U);
}

TEST_P(AnyTunnelTest, LetsGoOfBothEndsWhenStopped) {
  TunnelLimits limits{.silence = 1000, .end = clock.monotonic_us() + 1000};
  start_any(false, limits);
  tunnel->stop();
  client_connection.connection.input = {"late"};
  server_connection.connection.input = {"late"};
  tunnel->run();
  clock.advance(1'000'000);
  turn();
  EXPECT_TRUE(ended.empty());
  EXPECT_EQ(heard(Way::Up) + heard(Way::Down), "");
  EXPECT_EQ(client_stream.resumed + server_stream.resumed, 0);
}

TEST_F(TunnelTest, BeginsByItself) {
  client_connection.connection.input = {"first"};
  start(client_connection, server_stream);
  turn();
  EXPECT_EQ(heard(Way::Up), "first");
}

TEST_F(TunnelTest, PassesFirstWhatWasReadBefore) {
  start(client_connection, server_connection);
  client_connection.read_before.append("early ", 6);
  server_connection.read_before.append("soon ", 5);
  say(Way::Up, "late");
  say(Way::Down, "later");
  EXPECT_EQ(heard(Way::Up), "early late");
  EXPECT_EQ(heard(Way::Down), "soon later");
  EXPECT_EQ(counted(Way::Up), 10U);
  EXPECT_TRUE(client_connection.read_before.empty());
  EXPECT_TRUE(server_connection.read_before.empty());
}

TEST_F(TunnelTest, WhatWasReadBeforeIsPassedToAStreamToo) {
  start(client_connection, server_stream);
  client_connection.read_before.append("early", 5);
  tunnel->run();
  EXPECT_EQ(heard(Way::Up), "early");
}

// Others have their share of an iteration.
TEST_F(TunnelTest, ReadsTheRestOfMuchLater) {
  start(client_connection, server_connection);
  client_connection.connection.input = {"1", "2", "3", "4", "5", "6"};
  tunnel->run();
  EXPECT_EQ(heard(Way::Up), "1234");
  turn();
  EXPECT_EQ(heard(Way::Up), "123456");
}

TEST_F(TunnelTest, AStreamMaySpeakWhenItIsAskedTo) {
  start(client_stream, server_connection);
  client_stream.on_resume = [this] {
    if (client_stream.resumed == 1) tunnel->take(Way::Up, std::string_view("held"));
    if (client_stream.resumed == 2) tunnel->take_end(Way::Up);
  };
  tunnel->run();
  outbox.flush();
  EXPECT_EQ(heard(Way::Up), "held");
  EXPECT_EQ(server_connection.ends(), 0);
  tunnel->run();
  EXPECT_EQ(server_connection.ends(), 1);
  tunnel->run();
  EXPECT_EQ(client_stream.resumed, 2) << "it has said that nothing follows";
}

// The answer to an upgrade over HTTP/1 ends with its head.
TEST_F(TunnelTest, TheEndOfItsMessageIsNotTheEndOfAConnection) {
  start(client_connection, server_connection);
  tunnel->take_end(Way::Down);
  tunnel->take_end(Way::Up);
  tunnel->run();
  say(Way::Down, "begins");
  EXPECT_EQ(heard(Way::Down), "begins");
  EXPECT_EQ(client_connection.ends() + server_connection.ends(), 0);
}

TEST_F(TunnelTest, EndsWhenAllHasLeft) {
  start(client_connection, server_connection);
  say_end(Way::Up);
  server_connection.connection.waiting = 4;
  say_end(Way::Down);
  EXPECT_EQ(client_connection.ends(), 1);
  EXPECT_TRUE(ended.empty());
  server_connection.connection.waiting = 0;
  tunnel->on_sent();
  EXPECT_EQ(ended, std::vector<bool>{true});
}

// A stream holds what it was given itself, and there is no half-closed state of WebSocket.
TEST_F(TunnelTest, AServersEndIsTheEndWhereAStreamIsOne) {
  start(client_stream, server_connection, true);
  say(Way::Down, "last");
  say_end(Way::Down);
  EXPECT_EQ(ended, std::vector<bool>{true});
}

struct Breakage {
  const char* name;
  Way way;                     ///< what comes from its source
  bool at_source, by_sending;  ///< which connection, and by what that is seen
  bool is_websocket;
};

struct BrokenTunnelTest : TunnelTest, testing::WithParamInterface<Breakage> {};

INSTANTIATE_TEST_SUITE_P(
    Sides, BrokenTunnelTest,
    testing::Values(Breakage{"ClientReset", Way::Up, true, false, false},
                    Breakage{"ServerReset", Way::Down, true, false, false},
                    Breakage{"ClientTakesNothing", Way::Down, false, true, false},
                    Breakage{"ServerTakesNothing", Way::Up, false, true, false},
                    Breakage{"WebsocketClientReset", Way::Up, true, false, true},
                    Breakage{"WebsocketServerReset", Way::Down, true, false, true},
                    Breakage{"WebsocketClientTakesNothing", Way::Down, false, true, true},
                    Breakage{"WebsocketServerTakesNothing", Way::Up, false, true, true}),
    [](const auto& breakage) { return breakage.param.name; });

TEST_P(BrokenTunnelTest, EndsNotWhole) {
  const Breakage& broken = GetParam();
  start(client_connection, server_connection, broken.is_websocket);
  say(broken.way, frame(broken.way, "fine"));
  ASSERT_TRUE(ended.empty());
  FakeEnd& end = broken.at_source ? source(broken.way) : target(broken.way);
  if (broken.by_sending)
    connection_of(end).connection.failed = true;
  else
    connection_of(end).connection.then = net::Io::Failed;
  say(broken.way, frame(broken.way, "lost"));
  EXPECT_EQ(ended, std::vector<bool>{false});
}

TEST_F(TunnelTest, AConnectionThatBreaksEndsAStreamsTunnel) {
  start(client_stream, server_connection);
  server_connection.connection.failed = true;
  tunnel->run();
  EXPECT_EQ(ended, std::vector<bool>{false});
}

TEST_F(TunnelTest, BothBrokenIsToldOnce) {
  start(client_connection, server_connection);
  client_connection.connection.then = server_connection.connection.then = net::Io::Failed;
  tunnel->run();
  turn();
  EXPECT_EQ(ended, std::vector<bool>{false});
}

}  // namespace
}  // namespace weir::proxy
