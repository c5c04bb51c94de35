// SPDX-License-Identifier: Apache-2.0
#include "proxy/tunnel.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr int most_rounds = 4;                    // of one direction in one iteration of the loop
constexpr std::uint64_t farewell_us = 5'000'000;  // for frames to end, and for the server to answer
constexpr std::uint16_t going_away = 1001;        // RFC 6455 §7.4.1

}  // namespace

Tunnel::Tunnel(const net::Context& context, Random& random, TunnelEvents& events, TunnelEnd& client,
               TunnelEnd& server)
    : context_(context),
      random_(random),
      events_(events),
      client_(client),
      server_(server),
      deadline_(*this),
      soon_(*this) {
  of(Way::Up).frames.expect_masked();
}

void Tunnel::start(bool is_websocket, const TunnelLimits& limits) {
  is_websocket_ = is_websocket;
  limits_ = limits;
  progress_ = context_.loop.now();
  arm();
  context_.loop.post(soon_);
}

void Tunnel::run() {
  if (is_over_) return;
  const bool whole = move(Way::Up) && move(Way::Down);
  if (is_over_) return;
  if (!whole || is_over()) return end(whole);
  arm();
}

void Tunnel::on_sent() {
  if (!is_leaving_) progress_ = context_.loop.now();
  run();
}

// Moves one direction as far as it goes now; false if a connection broke.
bool Tunnel::move(Way way) {
  Direction& direction = of(way);
  net::Transport* const from = source(way).transport();
  if (from)
    take_early(way);
  else if (!direction.has_ended)
    source(way).resume();
  if (is_over_) return true;
  for (int rounds = 0; !direction.has_ended; ++rounds) {
    if (is_farewell_due(way)) {
      say_farewell(way);
      break;
    }
    if (!from) break;
    if (rounds == most_rounds) {
      context_.loop.post(soon_);
      break;
    }
    const net::IoResult result = relay(way, *from);
    if (result.io == net::Io::Failed) return false;
    if (result.io == net::Io::Again) break;
    direction.has_ended = result.io == net::Io::End;
  }
  return pass_end(way);
}

void Tunnel::take_early(Way way) {
  Inbox& early = *source(way).early();
  if (early.empty() || of(way).has_ended) return;
  give(way, early.bytes());
  context_.outbox.flush();
  early.clear();
}

net::IoResult Tunnel::relay(Way way, net::Transport& from) {
  Direction& direction = of(way);
  net::Transport* const to = target(way).transport();
  if (to && !is_framed(way)) {
    const net::IoResult result = direction.pump.move(context_, from, *to, UINT64_MAX);
    if (to->has_failed()) return {net::Io::Failed};
    if (result.io == net::Io::Done) count(way, result.bytes);
    return result;
  }
  if (to && to->has_failed()) return {net::Io::Failed};
  if (to ? to->queued() > 0 : !target(way).has_room()) return {net::Io::Again};
  if (to) {
    const net::IoResult result = relay_payload(way, from, *to);
    if (result.io != net::Io::End) return result;
  }
  const net::IoResult result = from.read(context_.read_buffer);
  if (result.io != net::Io::Done) return result;
  give(way, context_.read_buffer.first(result.bytes));
  context_.outbox.flush();
  return to && to->has_failed() ? net::IoResult{net::Io::Failed} : result;
}

// Of a large frame what follows its head need not be seen.  End: nothing of the kind lies ahead.
net::IoResult Tunnel::relay_payload(Way way, net::Transport& from, net::Transport& to) {
  Direction& direction = of(way);
  const std::uint64_t payload = direction.frames.payload_left();
  const bool pays = payload >= net::worth_moving && from.can_splice() && to.can_splice();
  if (direction.pump.held() == 0 && !pays) return {net::Io::End};
  const net::IoResult result = direction.pump.move(context_, from, to, payload);
  direction.frames.skip(result.bytes);
  if (to.has_failed()) return {net::Io::Failed};
  if (result.io == net::Io::Done) count(way, result.bytes);
  if (payload > 0 || result.io == net::Io::Failed || direction.pump.held() > 0) return result;
  // The frame has left the pipe.  If this was the last one, nothing of the next is to be read.
  return {is_leaving_ ? net::Io::Done : net::Io::End};
}

void Tunnel::take(Way way, std::span<const char> bytes) {
  if (is_over_ || of(way).has_ended) return;
  give(way, bytes);
  if (is_leaving_) context_.loop.post(soon_);
}

void Tunnel::take_end(Way way) {
  if (source(way).transport()) return;
  if (way == Way::Down) is_stream_over_ = true;
  of(way).has_ended = true;
  context_.loop.post(soon_);
}

bool Tunnel::wants(Way way) const {
  return !is_over_ && target(way).has_room() && of(way).pump.held() == 0;
}

void Tunnel::give(Way way, std::span<const char> bytes) {
  bytes = bytes.first(pass_frames(way, bytes));
  count(way, bytes.size());
  write(way, bytes);
}

void Tunnel::write(Way way, std::span<const char> bytes) {
  TunnelEnd& end = target(way);
  if (net::Transport* to = end.transport())
    context_.outbox.to(*to).refer(bytes);
  else
    end.write(bytes);
}

void Tunnel::count(Way way, std::size_t bytes) {
  if (!is_leaving_) progress_ = context_.loop.now();
  events_.on_tunnelled(way, bytes);
}

// What of some bytes goes on: all, or up to the end of the frame if it is the last one.
std::size_t Tunnel::pass_frames(Way way, std::span<const char> bytes) {
  if (!is_websocket_) return bytes.size();
  http::WebsocketFrames& frames = of(way).frames;
  if (is_leaving_ && frames.is_followed()) return frames.pass_frame(bytes);
  frames.pass(bytes);
  return bytes.size();
}

// Whether nothing more is to go that way, but perhaps a last word.
bool Tunnel::is_farewell_due(Way way) const {
  if (!is_leaving_ || of(way).pump.held() > 0) return false;
  return !is_framed(way) || of(way).frames.is_between();
}

void Tunnel::say_farewell(Way way) {
  of(way).has_ended = true;
  if (!is_framed(way)) return;
  std::optional<std::uint32_t> mask;
  if (way == Way::Up) {
    mask = static_cast<std::uint32_t>(random_());
    is_server_told_ = true;
  }
  char room[http::websocket_close_size];
  const std::span<const char> last = http::write_websocket_close(room, going_away, mask);
  if (way == Way::Down) count(way, last.size());
  write(way, last);
  context_.outbox.flush();
}

// Tells the target that nothing follows, once what lies in the pipe has gone out.  A client's stream is ended with the
// request it belongs to.
bool Tunnel::pass_end(Way way) {
  Direction& direction = of(way);
  net::Transport* const to = target(way).transport();
  if (direction.has_ended && direction.pump.held() > 0)
    (void)direction.pump.move(context_, *to, *to, 0);
  if (direction.has_ended && direction.pump.held() == 0 && !direction.is_end_told) {
    direction.is_end_told = true;
    if (to)
      to->shut_down();
    else if (way == Way::Up)
      target(way).write_end();
  }
  return !to || !to->has_failed();
}

// A stream ends with what its server says: WebSocket, which is all that is spoken there, has no half-closed state.
bool Tunnel::is_over() {
  const Direction &up = of(Way::Up), &down = of(Way::Down);
  if (is_between_streams())
    return down.has_ended && (!is_leaving_ || (up.has_ended && has_server_ended()));
  const std::size_t held = client_.transport()->queued() + server_.transport()->queued() +
                           up.pump.held() + down.pump.held();
  return up.has_ended && down.has_ended && held == 0 && has_server_ended();
}

// A server that was told has something to answer, which nobody reads any more.
bool Tunnel::has_server_ended() {
  if (!is_server_told_) return true;
  net::Transport* const server = server_.transport();
  if (!server) return is_stream_over_;
  while (true) {
    const net::IoResult result = server->read(context_.read_buffer);
    if (result.io == net::Io::Again) return false;
    if (result.io != net::Io::Done) return true;
  }
}

bool Tunnel::awaits_client() const { return is_leaving_ && is_websocket_ && client_.transport(); }

void Tunnel::leave() {
  if (is_leaving_ || is_over_) return;
  is_leaving_ = true;
  progress_ = context_.loop.now();
  run();
}

void Tunnel::stop() {
  is_over_ = true;
  deadline_.clear();
  soon_.unlink();
}

void Tunnel::end(bool whole) {
  stop();
  events_.on_tunnel_end(whole);
}

void Tunnel::arm() {
  const auto after = [](std::uint64_t from, std::uint64_t limit) {
    return limit > 0 ? from + limit : 0;
  };
  std::uint64_t at = is_leaving_ ? progress_ + farewell_us : after(progress_, limits_.silence);
  if (!is_leaving_ && limits_.end > 0) at = at > 0 ? std::min(at, limits_.end) : limits_.end;
  deadline_.set(context_.loop, at);
}

void Tunnel::on_task() noexcept {
  event::About about(context_.loop, events_.subject());
  run();
}

void Tunnel::on_deadline() noexcept {
  event::About about(context_.loop, events_.subject());
  const std::uint64_t now = context_.loop.now();
  if (is_leaving_) return end(false);
  const bool is_silent = limits_.silence > 0 && now >= progress_ + limits_.silence;
  if (is_silent || (limits_.end > 0 && now >= limits_.end)) return leave();
  arm();
}

}  // namespace weir::proxy
