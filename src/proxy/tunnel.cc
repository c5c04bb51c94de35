// SPDX-License-Identifier: Apache-2.0
#include "proxy/tunnel.h"

#include "base/assert.h"

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
  up_.frames.expect_masked();
}

void Tunnel::start(bool is_websocket, const TunnelLimits& limits) {
  WEIR_ASSERT(progress_ == 0 && !is_over_);
  up_.is_websocket = down_.is_websocket = is_websocket;
  limits_ = limits;
  progress_ = context_.loop.now();
  arm();
  context_.loop.post(soon_);
}

void Tunnel::run() {
  if (is_over_) return;
  const bool whole = move(up_) && move(down_);
  if (is_over_) return;
  if (!whole || is_over()) return end(whole);
  arm();
}

void Tunnel::on_sent() {
  if (!is_leaving_) progress_ = context_.loop.now();
  run();
}

// Moves one direction as far as it goes now; false if a connection broke.
bool Tunnel::move(Direction& direction) {
  net::Transport* const from = direction.source.transport();
  if (from)
    take_early(direction);
  else if (!direction.has_ended)
    direction.source.resume();
  if (is_over_) return true;
  for (int rounds = 0; !direction.has_ended; ++rounds) {
    if (is_leaving_ && direction.is_between_frames()) {
      say_farewell(direction);
      break;
    }
    if (!from) break;
    if (rounds == most_rounds) {
      context_.loop.post(soon_);
      break;
    }
    const net::IoResult result = relay(direction, *from);
    if (result.io == net::Io::Failed) return false;
    if (result.io == net::Io::Again) break;
    direction.has_ended = result.io == net::Io::End;
  }
  return pass_end(direction);
}

void Tunnel::take_early(Direction& direction) {
  Inbox& early = *direction.source.early();
  if (early.empty() || direction.has_ended) return;
  give(direction, early.bytes());
  context_.outbox.flush();
  early.clear();
}

net::IoResult Tunnel::relay(Direction& direction, net::Transport& from) {
  net::Transport* const to = direction.target.transport();
  if (to && !direction.is_framed()) {
    const net::IoResult result = direction.pump.move(context_, from, *to, UINT64_MAX);
    if (to->has_failed()) return {net::Io::Failed};
    if (result.io == net::Io::Done) count(direction, result.bytes);
    return result;
  }
  if (to && to->has_failed()) return {net::Io::Failed};
  if (to ? to->queued() > 0 : !direction.target.has_room()) return {net::Io::Again};
  if (to) {
    const net::IoResult result = relay_payload(direction, from, *to);
    if (result.io != net::Io::End) return result;
  }
  const net::IoResult result = from.read(context_.read_buffer);
  if (result.io != net::Io::Done) return result;
  give(direction, context_.read_buffer.first(result.bytes));
  context_.outbox.flush();
  return to && to->has_failed() ? net::IoResult{net::Io::Failed} : result;
}

// Of a large frame what follows its head need not be seen.  End: nothing of the kind lies ahead.
net::IoResult Tunnel::relay_payload(Direction& direction, net::Transport& from,
                                    net::Transport& to) {
  const std::uint64_t payload = direction.frames.payload_left();
  const bool pays = payload >= net::worth_moving && from.can_splice() && to.can_splice();
  if (direction.pump.held() == 0 && !pays) return {net::Io::End};
  const net::IoResult result = direction.pump.move(context_, from, to, payload);
  direction.frames.skip(result.bytes);
  if (to.has_failed()) return {net::Io::Failed};
  if (result.io == net::Io::Done) count(direction, result.bytes);
  if (payload > 0 || result.io == net::Io::Failed || direction.pump.held() > 0) return result;
  // The frame has left the pipe.  If this was the last one, nothing of the next is to be read.
  return {is_leaving_ ? net::Io::Done : net::Io::End};
}

void Tunnel::take(Way way, std::span<const char> bytes) {
  if (is_over_ || of(way).has_ended) return;
  give(of(way), bytes);
  if (is_leaving_) context_.loop.post(soon_);
}

void Tunnel::take_end(Way way) {
  if (of(way).source.transport()) return;
  if (way == Way::Down) is_stream_over_ = true;
  of(way).has_ended = true;
  context_.loop.post(soon_);
}

bool Tunnel::wants(Way way) const {
  const Direction& direction = way == Way::Up ? up_ : down_;
  return !is_over_ && direction.target.has_room() && direction.pump.held() == 0;
}

void Tunnel::give(Direction& direction, std::span<const char> bytes) {
  bytes = bytes.first(direction.pass_frames(bytes, is_leaving_));
  count(direction, bytes.size());
  write(direction, bytes);
}

void Tunnel::write(Direction& direction, std::span<const char> bytes) {
  if (net::Transport* to = direction.target.transport())
    context_.outbox.to(*to).refer(bytes);
  else
    direction.target.write(bytes);
}

void Tunnel::count(Direction& direction, std::size_t bytes) {
  if (!is_leaving_) progress_ = context_.loop.now();
  events_.on_tunnelled(direction.way, bytes);
}

std::size_t Tunnel::Direction::pass_frames(std::span<const char> bytes, bool is_last) {
  if (!is_websocket) return bytes.size();
  if (is_last && frames.is_followed()) return frames.pass_frame(bytes);
  frames.pass(bytes);
  return bytes.size();
}

bool Tunnel::Direction::is_between_frames() const {
  return pump.held() == 0 && (!is_framed() || frames.is_between());
}

// Nothing more goes that way, but perhaps a last word.
void Tunnel::say_farewell(Direction& direction) {
  WEIR_ASSERT(is_leaving_ && !direction.has_ended && direction.is_between_frames());
  direction.has_ended = true;
  if (!direction.is_framed()) return;
  std::optional<std::uint32_t> mask;
  if (direction.way == Way::Up) {
    mask = static_cast<std::uint32_t>(random_());
    is_server_told_ = true;
  }
  char room[http::websocket_close_size];
  const std::span<const char> last = http::write_websocket_close(room, going_away, mask);
  if (direction.way == Way::Down) count(direction, last.size());
  write(direction, last);
  context_.outbox.flush();
}

// Tells the target that nothing follows, once what lies in the pipe has gone out.  A client's stream is ended with the
// request it belongs to.
bool Tunnel::pass_end(Direction& direction) {
  net::Transport* const to = direction.target.transport();
  if (direction.has_ended && direction.pump.held() > 0)
    (void)direction.pump.move(context_, *to, *to, 0);
  if (direction.has_ended && direction.pump.held() == 0 && !direction.is_end_told) {
    direction.is_end_told = true;
    if (to)
      to->shut_down();
    else if (direction.way == Way::Up)
      direction.target.write_end();
  }
  return !to || !to->has_failed();
}

// A stream ends with what its server says: WebSocket, which is all that is spoken there, has no half-closed state.
bool Tunnel::is_over() {
  if (is_between_streams())
    return down_.has_ended && (!is_leaving_ || (up_.has_ended && has_server_ended()));
  const std::size_t held = client_.transport()->queued() + server_.transport()->queued() +
                           up_.pump.held() + down_.pump.held();
  return up_.has_ended && down_.has_ended && held == 0 && has_server_ended();
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

bool Tunnel::awaits_client() const {
  return is_leaving_ && up_.is_websocket && client_.transport();
}

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
  WEIR_ASSERT(!is_over_);
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
