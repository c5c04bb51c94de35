// SPDX-License-Identifier: Apache-2.0
//
// Tunnel: bytes in both directions between two peers that have left HTTP (101, CONNECT), passed on as they are until both
// have ended.  An end is a connection that the tunnel has for itself, plain or TLS, which it reads and writes; or a
// stream of HTTP/2, whose bytes come and go in pieces.  Between two plain connections large payloads stay in the kernel.
//
// Tunnels are told to leave: by a time limit, a drain.  Those of WebSocket then say so to both sides by a Close frame with
// status 1001, which may only stand between frames: where these end is known of each direction from the beginning
// (http/websocket_frames), for a few instructions a frame.  A frame that has begun is passed on to its end first; who has said
// Close already, or speaks no WebSocket after all, is told nothing.  Whoever takes more than a few seconds is cut off.
#pragma once

#include "base/buffer.h"
#include "base/random.h"
#include "event/deadline.h"
#include "http/websocket_frames.h"
#include "net/pump.h"

#include <cstdint>
#include <span>

namespace weir::proxy {

/// The two directions: to the server, to the client.
enum class Way : std::uint8_t { Up, Down };

/// One end of a tunnel; outlives it.
class TunnelEnd {
 public:
  /// Its connection; null if it is a stream among others.
  virtual net::Transport* transport() = 0;
  /// What was read of that connection before the tunnel began; null if it is a stream.
  virtual Inbox* early() = 0;
  /// It takes what it gets: more may be read from the other end.
  virtual bool has_room() const = 0;

  // Of a stream only; what it says comes by `Tunnel::take`.

  virtual void write(std::span<const char> bytes) = 0;
  virtual void write_end() = 0;
  /// More may be given to the tunnel, also from inside this call.
  virtual void resume() = 0;

 protected:
  ~TunnelEnd() = default;
};

/// Who has a tunnel.
class TunnelEvents {
 public:
  /// So many bytes were passed on.
  virtual void on_tunnelled(Way way, std::size_t bytes) = 0;
  /// It is over.  `whole`: both directions have ended properly, and all has left.  The tunnel is not touched any more, and
  /// may be told things in vain.
  virtual void on_tunnel_end(bool whole) = 0;
  /// For whom it works.
  virtual const event::Subject& subject() const = 0;

 protected:
  ~TunnelEvents() = default;
};

/// When a tunnel is told to leave; microseconds, 0 = never.
struct TunnelLimits {
  std::uint64_t silence = 0;  ///< after so long without a byte in either direction
  std::uint64_t end = 0;      ///< at this moment of the loop's clock
};

class Tunnel final : private event::TaskEvents, private event::DeadlineEvents {
 public:
  /// All outlive it.  `random` masks what is said to the server.
  Tunnel(const net::Context& context, Random& random, TunnelEvents& events, TunnelEnd& client,
         TunnelEnd& server);

  /// Begins soon.  `is_websocket`: both directions are frames of WebSocket from their first byte on.
  void start(bool is_websocket, const TunnelLimits& limits);

  /// Either connection can be read or written.
  void run();
  /// Some of what one of them was given has left, which counts as progress.
  void on_sent();
  /// A stream said something; Up: the client's.  The bytes stay until the outbox is flushed.
  void take(Way way, std::span<const char> bytes);
  /// It says no more.  Of a connection this means nothing: the message that began the tunnel has ended.
  void take_end(Way way);
  /// What a stream says that way may be taken.
  bool wants(Way way) const;

  /// Ends it once what was read from one side has left to the other.  Takes a few seconds at most.
  void leave();
  /// Lets go of both ends: they are about to be no more.
  void stop();

  /// The client was told to go and has something to answer.
  bool awaits_client() const;

 private:
  struct Direction {
    Way way;
    TunnelEnd &source, &target;
    net::Pump pump{};
    http::WebsocketFrames frames{};
    bool is_websocket = false;
    bool has_ended = false;  ///< nothing more is taken from its source
    bool is_end_told = false;

    bool is_framed() const { return is_websocket && frames.is_followed(); }
    /// What of some bytes goes on: all, or up to the end of the frame if it is to be the last one.
    std::size_t pass_frames(std::span<const char> bytes, bool is_last);
    /// Nothing of a frame that was begun is missing on the other side.
    bool is_between_frames() const;
  };

  Direction& of(Way way) { return way == Way::Up ? up_ : down_; }
  bool is_between_streams() const { return !client_.transport() || !server_.transport(); }

  bool move(Direction& direction);
  void take_early(Direction& direction);
  net::IoResult relay(Direction& direction, net::Transport& from);
  net::IoResult relay_payload(Direction& direction, net::Transport& from, net::Transport& to);
  void give(Direction& direction, std::span<const char> bytes);
  void write(Direction& direction, std::span<const char> bytes);
  void count(Direction& direction, std::size_t bytes);
  void say_farewell(Direction& direction);
  bool pass_end(Direction& direction);
  bool is_over();
  bool has_server_ended();
  void end(bool whole);
  void arm();
  void on_task() noexcept override;
  void on_deadline() noexcept override;

  const net::Context& context_;
  Random& random_;
  TunnelEvents& events_;
  TunnelEnd &client_, &server_;
  Direction up_{Way::Up, client_, server_}, down_{Way::Down, server_, client_};
  event::Deadline deadline_;
  event::Task soon_;
  TunnelLimits limits_;
  std::uint64_t progress_ =
      0;  ///< when a byte was passed on, or left, last; once leaving: when that began
  bool is_leaving_ = false;
  bool is_server_told_ = false;  ///< by a Close frame, which it has to answer
  bool is_stream_over_ = false;  ///< the server's: it has answered, or never will
  bool is_over_ = false;
};

}  // namespace weir::proxy
