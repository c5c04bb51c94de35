// SPDX-License-Identifier: Apache-2.0
//
// How tunnels are told to end.  Those of WebSocket say so to both sides by a Close frame with status 1001, which
// may only stand between frames: where these end is known of each direction from the beginning
// (http/websocket_frames), for a few instructions a frame.  A frame that has begun is passed on to its end first; who has
// said Close already, or speaks no WebSocket after all, is told nothing.  Large payloads stay in the kernel.
//
// Whoever takes more than a moment for that is cut off.
#include "http/field.h"
#include "net/feed.h"
#include "proxy/client_side.h"
#include "proxy/stream.h"

namespace weir::proxy {

namespace {

constexpr std::uint64_t farewell_us = 5'000'000;  // for frames to end, and for the server to answer
constexpr std::uint16_t going_away = 1001;        // RFC 6455 §7.4.1

}  // namespace

void Stream::follow_frames(std::string_view protocol) {
  if (!http::iequals(protocol, "websocket")) return;
  frames_ = arena_.array<Frames>(1).data();
  frames_->up.expect_masked();
}

// What of some bytes goes on: all, or up to the end of the frame if it is the last one.
std::size_t Stream::pass_frames(Way way, std::span<const char> bytes) {
  http::WebsocketFrames* frames = frames_of(way);
  if (!frames) return bytes.size();
  if (leaving_ && frames->is_followed()) return frames->pass_frame(bytes);
  frames->pass(bytes);
  return bytes.size();
}

net::IoResult Stream::relay(Way way, net::Transport& from, net::Transport& to) {
  net::Pump& pump = way == Way::Up ? up_ : down_;
  http::WebsocketFrames* frames = frames_of(way);
  if (!frames || !frames->is_followed()) return pump.move(context_.net, from, to, UINT64_MAX);
  if (to.has_failed()) return {net::Io::Failed};
  if (to.queued() > 0) return {net::Io::Again};
  const std::uint64_t payload = frames->payload_left();
  if (pump.held() > 0 || (payload >= net::worth_moving && from.can_splice() && to.can_splice())) {
    const net::IoResult result = pump.move(context_.net, from, to, payload);
    frames->skip(result.bytes);
    if (payload > 0 || result.io == net::Io::Failed || pump.held() > 0) return result;
  }
  const net::IoResult result = from.read(context_.net.read_buffer);
  if (result.io != net::Io::Done) return result;
  const std::span<const char> bytes = context_.net.read_buffer.first(result.bytes);
  context_.net.outbox.to(to).refer(bytes.first(pass_frames(way, bytes)));
  context_.net.outbox.flush();
  return result;
}

// Whether nothing more is to go that way, but perhaps a last word.
bool Stream::is_farewell_due(Way way) const {
  if (!leaving_ || (way == Way::Up ? up_ : down_).held() > 0) return false;
  const http::WebsocketFrames* frames = frames_of(way);
  return !frames || !frames->is_followed() || frames->is_between();
}

std::span<const char> Stream::farewell(Way way, std::span<char, http::websocket_close_size> room) {
  const http::WebsocketFrames* frames = frames_of(way);
  if (!frames || !frames->is_between()) return {};
  std::optional<std::uint32_t> mask;
  if (way == Way::Up) {
    mask = static_cast<std::uint32_t>(context_.random());
    server_was_told_ = true;
  }
  return http::write_websocket_close(room, going_away, mask);
}

bool Stream::has_server_ended() {
  if (!server_was_told_) return true;
  net::Transport* server = attempt_->connection()->wire().transport;
  if (!server) return server_ended_;
  while (true) {
    const net::IoResult result = server->read(context_.net.read_buffer);
    if (result.io == net::Io::Again) return false;
    if (result.io != net::Io::Done) return true;
  }
}

void Stream::end_tunnel() {
  if (leaving_ || phase_ == Phase::Finish) return;
  leaving_ = true;
  deadline_.set(context_.net.loop, context_.net.loop.now() + farewell_us);
  run_tunnel();
}

}  // namespace weir::proxy
