// SPDX-License-Identifier: Apache-2.0
//
// Tunnels between two plain sockets, where large payloads stay in the kernel: all bytes pass, the frames of WebSocket
// are followed all the same, and what lies in the pipe is not forgotten when the tunnel leaves.
#include "net/connected.h"
#include "proxy/tunnel.h"
#include "proxy/tunnel_ends.h"

#include <gtest/gtest.h>

#include <signal.h>

#include <memory>
#include <string>
#include <vector>

namespace weir::proxy {
namespace {

constexpr std::size_t large = 3'000'000;  // more than sockets and a pipe hold

/// A socket as an end; its peer is the test's.
struct SocketEnd final : TunnelEnd {
  explicit SocketEnd(event::Loop& loop) : socket(loop) { socket.pair_up(); }
  net::Transport* transport() override { return &socket.transport; }
  Inbox* early() override { return &read_before; }
  bool has_room() const override { return socket.transport.queued() == 0; }
  void write(std::span<const char>) override {}
  void write_end() override {}
  void resume() override {}

  net::Connected socket;
  Inbox read_before;
};

struct KernelTunnelTest : testing::Test, TunnelEvents, event::Subject {
  KernelTunnelTest() {
    ::signal(SIGPIPE, SIG_IGN);  // as every process of weir does
    client.socket.transport.watch();
    server.socket.transport.watch();
  }
  /// The peer's side: sends what it still has to say, and hears what there is.
  void let_talk(SocketEnd& end, std::string& to_say, std::string& all, bool hears = true) {
    if (!to_say.empty()) {
      const ssize_t count =
          ::send(end.socket.peer.get(), to_say.data(), to_say.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
      if (count > 0) to_say.erase(0, static_cast<std::size_t>(count));
    }
    if (hears) all += end.socket.peer_hears();
  }
  /// One iteration of the loop: both peers talk, and the tunnel works.
  void talk(bool client_hears = true) {
    let_talk(client, client_says, client_heard, client_hears);
    let_talk(server, server_says, server_heard);
    tunnel.run();
  }
  void on_tunnelled(Way way, std::size_t bytes) override {
    counts[static_cast<std::size_t>(way)] += bytes;
  }
  void on_tunnel_end(bool whole) override { ended.push_back(whole); }
  const event::Subject& subject() const override { return *this; }

  event::Loop loop;
  test::Steps steps{loop};
  net::Outbox outbox{loop};
  std::vector<char> buffer = std::vector<char>(64 * 1024);
  net::Context context{loop, outbox, buffer};
  Random random{1};
  SocketEnd client{loop}, server{loop};
  std::string client_says, client_heard, server_says, server_heard;
  std::size_t counts[2] = {};
  std::vector<bool> ended;
  Tunnel tunnel{context, random, *this, client, server};
};

TEST_F(KernelTunnelTest, PassesMuchBothWays) {
  const std::string up = net::pattern(large), down = net::pattern(large + 1);
  client_says = up;
  server_says = down;
  tunnel.start(false, {});
  steps
      .when([&] {
        talk();
        return client_heard.size() == down.size() && server_heard.size() == up.size();
      })
      .run();
  EXPECT_TRUE(server_heard == up);
  EXPECT_TRUE(client_heard == down);
  EXPECT_EQ(counts[0], up.size());
  EXPECT_EQ(counts[1], down.size());
}

TEST_F(KernelTunnelTest, EndsOnlyWhenTheClientHasHeardAll) {
  const std::string down = net::pattern(large);
  server_says = down;
  client.socket.peer_says("bye");
  ASSERT_EQ(::shutdown(client.socket.peer.get(), SHUT_WR), 0);
  tunnel.start(false, {});
  bool was_over = false;
  steps
      .when([&] {
        const std::size_t heard = client_heard.size();
        talk();
        if (server_says.empty()) server.socket.peer.reset();
        was_over = was_over || (heard + (std::size_t{1} << 20) < down.size() && !ended.empty());
        return !ended.empty();
      })
      .run();
  client_heard += client.socket.peer_hears();
  EXPECT_EQ(ended, std::vector<bool>{true});
  EXPECT_FALSE(was_over);
  EXPECT_TRUE(client_heard == down);
}

TEST_F(KernelTunnelTest, SaysCloseBehindALargeFrame) {
  const std::string down = frame(Way::Down, net::pattern(large));
  server_says = down + frame(Way::Down, "never heard");
  tunnel.start(true, {});
  int turns = 0;
  steps
      .when(
          // The client does not read yet: the frame gets stuck on the way to it.
          [&] {
            talk(false);
            return ++turns > 20;
          },
          [&] {
            ASSERT_FALSE(server_says.empty());
            tunnel.leave();
            EXPECT_EQ(close_status(Way::Up, server.socket.peer_hears()), 1001);
          })
      .when([&] {
        talk();
        return client_heard.size() >= down.size() + 4;
      })
      .when([&] { return server_says.empty(); }, [&] { server.socket.peer.reset(); })
      .when([&] {
        talk();
        return !ended.empty();
      })
      .run();
  EXPECT_EQ(client_heard.size(), down.size() + 4);
  EXPECT_TRUE(client_heard.compare(0, down.size(), down) == 0);
  EXPECT_EQ(close_status(Way::Down, client_heard), 1001);
  EXPECT_EQ(ended, std::vector<bool>{true});
}

TEST_F(KernelTunnelTest, FollowsFramesBehindALargeOne) {
  std::string up;
  for (const std::size_t size : {std::size_t{10}, large / 3, std::size_t{0}, large / 2})
    up += frame(Way::Up, net::pattern(size));
  client_says = up;
  tunnel.start(true, {});
  steps
      .when(
          [&] {
            talk();
            return server_heard.size() == up.size();
          },
          [&] { tunnel.leave(); })
      .when([&] {
        talk();
        return server_heard.size() > up.size();
      })
      .run();
  EXPECT_TRUE(server_heard.compare(0, up.size(), up) == 0);
  EXPECT_EQ(close_status(Way::Up, server_heard), 1001);
}

}  // namespace
}  // namespace weir::proxy
