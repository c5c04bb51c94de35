// SPDX-License-Identifier: Apache-2.0
//
// For tests of Tunnel: its two kinds of ends, a connection of its own and a stream among others, and a fixture that
// speaks and listens at either end in the same words, whichever kind it is.
#pragma once

#include "fakes/fake_transport.h"
#include "fakes/steps.h"
#include "proxy/tunnel.h"

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::proxy {

/// What a test says and hears at one end.
struct FakeEnd : TunnelEnd {
  virtual std::string heard() const = 0;
  /// How often it was told that nothing follows.
  virtual int ends() const = 0;
  /// Whether it takes more.
  virtual void open_up(bool takes) = 0;
  bool is_stream() { return transport() == nullptr; }

 protected:
  ~FakeEnd() = default;
};

struct ConnectionEnd final : FakeEnd {
  net::Transport* transport() override { return &connection; }
  Inbox* early() override { return &read_before; }
  bool has_room() const override { return connection.queued() == 0; }
  void write(std::span<const char>) override { ADD_FAILURE() << "it is no stream"; }
  void write_end() override { ADD_FAILURE() << "it is no stream"; }
  void resume() override { ADD_FAILURE() << "it is no stream"; }

  std::string heard() const override {
    std::string all;
    for (const std::string& piece : connection.sent) all += piece;
    return all;
  }
  int ends() const override { return connection.shut_downs; }
  void open_up(bool takes) override { connection.waiting = takes ? 0 : 1; }

  test::FakeTransport connection;
  Inbox read_before;
};

struct StreamEnd final : FakeEnd {
  net::Transport* transport() override { return nullptr; }
  Inbox* early() override { return nullptr; }
  bool has_room() const override { return takes_more; }
  void write(std::span<const char> bytes) override { written.append(bytes.data(), bytes.size()); }
  void write_end() override { ++written_ends; }
  void resume() override {
    ++resumed;
    on_resume();
  }

  std::string heard() const override { return written; }
  int ends() const override { return written_ends; }
  void open_up(bool takes) override { takes_more = takes; }

  std::string written;
  int written_ends = 0, resumed = 0;
  bool takes_more = true;
  std::function<void()> on_resume = [] {};
};

struct TunnelTest : testing::Test, TunnelEvents, event::Subject {
  /// Between these ends; begins when the loop runs, or with `run`.
  void start(FakeEnd& from, FakeEnd& to, bool is_websocket = false, TunnelLimits limits = {}) {
    client = &from;
    server = &to;
    tunnel = std::make_unique<Tunnel>(context, random, *this, from, to);
    tunnel->start(is_websocket, limits);
  }
  FakeEnd& source(Way way) const { return way == Way::Up ? *client : *server; }
  FakeEnd& target(Way way) const { return way == Way::Up ? *server : *client; }
  static ConnectionEnd& connection_of(FakeEnd& end) { return static_cast<ConnectionEnd&>(end); }

  /// Somebody speaks: the client (Up) or the server.
  void say(Way way, std::string_view text) {
    FakeEnd& end = source(way);
    if (end.is_stream()) {
      tunnel->take(way, text);
      outbox.flush();
    } else {
      connection_of(end).connection.input.emplace_back(text);
    }
    tunnel->run();
  }
  void say_end(Way way) {
    FakeEnd& end = source(way);
    if (end.is_stream())
      tunnel->take_end(way);
    else
      connection_of(end).connection.then = net::Io::End;
    tunnel->run();
  }
  std::string heard(Way way) const { return target(way).heard(); }
  std::uint64_t counted(Way way) const { return counts[static_cast<std::size_t>(way)]; }

  /// Time passes, as fast as it can, until this holds; says how much did, in microseconds.
  std::uint64_t pass_until(std::function<bool()> done) {
    const std::uint64_t begun = clock.monotonic_us();
    time.pass_while([] { return true; });
    steps.when(std::move(done)).run();
    return clock.monotonic_us() - begun;
  }
  /// A few iterations of the loop.
  void turn() {
    int left = 3;
    steps.when([&left] { return --left < 0; }).run();
  }
  std::uint64_t pass_until_over() {
    return pass_until([this] { return !ended.empty(); });
  }

  void on_tunnelled(Way way, std::size_t bytes) override {
    EXPECT_TRUE(ended.empty()) << "told after the end";
    counts[static_cast<std::size_t>(way)] += bytes;
  }
  void on_tunnel_end(bool whole) override { ended.push_back(whole); }
  const event::Subject& subject() const override { return *this; }

  test::ManualClock clock;
  event::Loop loop{clock};
  test::TimeKeeper time{loop, clock};
  test::Steps steps{loop, &time};
  net::Outbox outbox{loop};
  std::vector<char> buffer = std::vector<char>(64 * 1024);
  net::Context context{loop, outbox, buffer};
  Random random{1};
  ConnectionEnd client_connection, server_connection;
  StreamEnd client_stream, server_stream;
  FakeEnd *client = nullptr, *server = nullptr;
  std::uint64_t counts[2] = {};
  std::vector<bool> ended;  ///< on_tunnel_end, each time with how
  std::unique_ptr<Tunnel> tunnel;
};

/// Which ends are streams.
struct Kind {
  const char* name;
  bool client_is_stream, server_is_stream;
};

struct AnyTunnelTest : TunnelTest, testing::WithParamInterface<Kind> {
  void start_any(bool is_websocket = false, TunnelLimits limits = {}) {
    FakeEnd &from = client_of(), &to = server_of();
    start(from, to, is_websocket, limits);
  }
  FakeEnd& client_of() {
    return GetParam().client_is_stream ? static_cast<FakeEnd&>(client_stream) : client_connection;
  }
  FakeEnd& server_of() {
    return GetParam().server_is_stream ? static_cast<FakeEnd&>(server_stream) : server_connection;
  }
};

const auto all_kinds =
    testing::Values(Kind{"Connections", false, false}, Kind{"StreamToConnection", true, false},
                    Kind{"ConnectionToStream", false, true}, Kind{"Streams", true, true});
inline std::string kind_name(const testing::TestParamInfo<Kind>& kind) { return kind.param.name; }

/// A frame of WebSocket: final, of this opcode; masked if a client sends it.
inline std::string frame(Way way, std::string payload, int opcode = 2) {
  const std::string key = "\x11\x22\x33\x44";
  std::string text{static_cast<char>(0x80 | opcode)};
  const bool masked = way == Way::Up;
  const auto mark = [masked](std::size_t length) {
    return static_cast<char>(length | (masked ? 0x80U : 0U));
  };
  if (payload.size() < 126) {
    text += mark(payload.size());
  } else {
    text += mark(127);
    for (int shift = 56; shift >= 0; shift -= 8)
      text += static_cast<char>(payload.size() >> shift & 0xFF);
  }
  if (!masked) return text + payload;
  for (std::size_t i = 0; i < payload.size(); ++i)
    payload[i] = static_cast<char>(payload[i] ^ key[i % 4]);
  return text + key + payload;
}

/// The status of a Close frame that was said that way, after all else; 0 if it is none.
inline int close_status(Way way, std::string_view text) {
  const std::size_t head = way == Way::Up ? 6 : 2;
  if (text.size() < head + 2) return 0;
  text = text.substr(text.size() - head - 2);
  const auto byte = [text](std::size_t at) { return static_cast<unsigned char>(text[at]); };
  const int length = way == Way::Up ? 0x82 : 2;
  if (byte(0) != 0x88 || byte(1) != length) return 0;
  const int mask[] = {way == Way::Up ? byte(2) : 0, way == Way::Up ? byte(3) : 0};
  return (byte(head) ^ mask[0]) << 8 | (byte(head + 1) ^ mask[1]);
}

}  // namespace weir::proxy
