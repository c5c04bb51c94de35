// SPDX-License-Identifier: Apache-2.0
#include "proxy/request_body.h"

#include "base/assert.h"
#include "http/head_size.h"
#include "http/hop_by_hop.h"
#include "http/message.h"
#include "proxy/client_side.h"
#include "proxy/dispatch.h"
#include "proxy/stream_state.h"

#include <utility>
#include <vector>

namespace weir::proxy {

// What is kept has lain in a pipe before, as a rule.
RequestBody::RequestBody(StreamState& state, RequestBodyUser& user, const Dispatch& dispatch)
    : state_(state),
      user_(user),
      dispatch_(dispatch),
      kept_memory_(state.context.body_memory, true) {}

void RequestBody::begin() {
  is_complete_ = is_finished_ = state_.request->framing.end == BodyEnd::None;
}

bool RequestBody::is_rest_small() const {
  const RequestHead& head = *state_.request;
  return head.framing.end == BodyEnd::Length && head.framing.length <= most_discarded &&
         !head.expects_continue;
}

bool RequestBody::is_too_long() const {
  const std::optional<std::uint64_t>& limit = state_.policy->max_body;
  const Framing& framing = state_.request->framing;
  return limit && (seen_ > *limit || (framing.end == BodyEnd::Length && framing.length > *limit));
}

// ---- From the client ---------------------------------------------------------------------------

bool RequestBody::wants() const {
  if (is_discarded_) return true;
  if (const BodyPipe* through = state_.pipe(Direction::Request)) return through->wants();
  return has_room() && pump_.held() == 0;  // what lies in the pipe goes first
}

http::Failure RequestBody::take(std::span<const char> bytes) {
  state_.record.content_in += bytes.size();
  seen_ += bytes.size();
  if (is_discarded_) return http::Failure::None;
  if (is_too_long()) return http::Failure::RequestBodyTooLarge;
  BodyPipe* const through = state_.pipe(Direction::Request);
  through ? through->take(bytes) : send(bytes);
  return http::Failure::None;
}

void RequestBody::take_end(const Headers& trailers) {
  state_.record.content_in += http::fields_size(trailers);
  Headers passed;
  if (!trailers.empty()) {
    passed.assign(state_.arena, trailers.fields());
    http::remove_nominated(state_.request->headers, passed);
  }
  is_complete_ = true;
  if (is_discarded_) return;
  if (BodyPipe* through = state_.pipe(Direction::Request))
    return through->take_end(std::move(passed));
  finish(std::move(passed));
}

bool RequestBody::has_begun() const {
  if (state_.request->framing.end == BodyEnd::None) return false;
  return seen_ > 0 || (is_complete_ && state_.pipe(Direction::Request));
}

void RequestBody::tell_end() {
  WEIR_ASSERT(is_complete_ && seen_ == 0 && state_.pipe(Direction::Request));
  is_finished_ = false;
  state_.pipe(Direction::Request)->take_end(std::move(trailers_));
}

bool RequestBody::can_move() const {
  if (state_.pipe(Direction::Request)) return false;
  upstream::ServerSide* const server = dispatch_.server();
  return !server || server->wire().transport;
}

net::IoResult RequestBody::move() {
  upstream::ServerSide* const server = dispatch_.server();
  if (is_discarded_ || !server) return {net::Io::Again};
  is_kept_ = false;
  drop_kept();
  const net::Wire client = state_.client.wire();
  net::Transport& to = *server->wire().transport;
  const net::IoResult result =
      pump_.move(state_.context.net, *client.transport, to, client.codec->plain_body());
  if (result.io == net::Io::Failed && to.has_failed()) {
    // The server takes no more: perhaps it has answered, which its own side will show.
    discard();
    return {net::Io::Again};
  }
  if (result.io == net::Io::Done) {
    state_.record.content_in += result.bytes;
    seen_ += result.bytes;
    client.codec->skip_body(result.bytes);
    server->note_sent();
  }
  return result;
}

// ---- To the server -----------------------------------------------------------------------------

bool RequestBody::has_room() const {
  if (is_discarded_) return true;
  const upstream::ServerSide* const server = dispatch_.server();
  return server && server->has_room();
}

void RequestBody::pass(std::span<const char> bytes) {
  if (!is_discarded_) send(bytes);
}

void RequestBody::pass_end(Headers& trailers) {
  if (!is_discarded_) finish(std::move(trailers));
}

void RequestBody::flush() { state_.context.net.outbox.flush(); }

void RequestBody::send(std::span<const char> bytes) {
  WEIR_ASSERT(dispatch_.server() && !is_finished_);
  upstream::ServerSide& server = *dispatch_.server();
  if (is_kept_) {
    // Over HTTP/2 a server may say that it has not looked at it; then it does not matter what it is.
    const bool may_be_refused = !server.wire().transport;
    is_kept_ = (may_be_refused || http::is_idempotent(state_.request->method)) && keep(bytes);
    if (!is_kept_) drop_kept();
  }
  server.write_body(bytes);
}

// False if it has become too long to be kept.
bool RequestBody::keep(std::span<const char> bytes) {
  const std::size_t all = kept_.size() + bytes.size();
  if (all > keep_most_) return false;
  if (all > most_kept && !kept_memory_.grow(kept_.memory(bytes.size()) - kept_memory_.held()))
    return false;
  kept_.append(bytes.data(), bytes.size());
  return true;
}

void RequestBody::drop_kept() {
  kept_.clear();
  kept_memory_.shrink_to(0);
}

// What an ordinary request keeps stays as long as the stream: it is not worth a flush of its own.
void RequestBody::forget() {
  is_kept_ = false;
  if (kept_memory_.held() == 0) return;
  state_.context.net.outbox.flush();
  drop_kept();
}

void RequestBody::discard() {
  is_discarded_ = true;
  if (BodyPipe* through = state_.pipe(Direction::Request)) through->stop();
  forget();
}

void RequestBody::finish(Headers&& trailers) {
  if (std::exchange(is_finished_, true)) return;
  trailers_ = std::move(trailers);
  if (upstream::ServerSide* server = dispatch_.server()) {
    user_.on_request_sent();
    server->write_end(trailers_);
  }
}

bool RequestBody::replay() {
  WEIR_ASSERT(dispatch_.server() && (is_kept_ || kept_.empty()));
  upstream::ServerSide& server = *dispatch_.server();
  if (!kept_.empty()) {
    std::vector<iovec> pieces(kept_.size() / Buffer::block_payload + 2);
    const int count = kept_.peek(pieces.data(), static_cast<int>(pieces.size()));
    for (int i = 0; i < count; ++i)
      server.write_body({static_cast<const char*>(pieces[static_cast<std::size_t>(i)].iov_base),
                         pieces[static_cast<std::size_t>(i)].iov_len});
  }
  if (is_finished_) server.write_end(trailers_);
  return is_finished_;
}

void RequestBody::push() {
  if (pump_.held() > 0) {
    net::Transport& to = *dispatch_.server()->wire().transport;
    (void)pump_.move(state_.context.net, to, to, 0);
  }
  if (BodyPipe* through = state_.pipe(Direction::Request)) through->run();
}

}  // namespace weir::proxy
