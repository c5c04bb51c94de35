// SPDX-License-Identifier: Apache-2.0
#include "proxy/h2_exchange.h"

#include "proxy/h2_session.h"

#include <algorithm>

namespace weir::proxy {

namespace {

// So much of an answer is kept while its client does not take it; more is left with the server.
constexpr std::size_t most_unsent = 64 * 1024;

// The earlier of two moments, where 0 is never; a limit of 0 is none.
std::uint64_t earlier(std::uint64_t at, std::uint64_t from, std::uint64_t limit) {
  if (limit == 0) return at;
  return at == 0 ? from + limit : std::min(at, from + limit);
}

}  // namespace

H2Exchange::H2Exchange(Context& context, H2Session& session, http::StreamId id)
    : ClientSide(session.listener(), session.peer()),
      context_(context),
      session_(session),
      timeouts_(&session.listener().timeouts()),
      deadline_(*this),
      begun_(context.net.loop.now()),
      progress_(begun_),
      id_(id),
      stream_(context, *this, begun_) {
  stream_.record().h2_stream = id;
  arm();
}

// ---- The request -------------------------------------------------------------------------------

void H2Exchange::on_head(MessageHead& head) {
  event::About about(context_.net.loop, *this);
  phase_ = Phase::Request;
  stream_.on_head(head);
  arm();
}

bool H2Exchange::wants_body() const { return phase_ == Phase::Request && stream_.wants_body(); }

void H2Exchange::on_body(std::span<const char> bytes) {
  event::About about(context_.net.loop, *this);
  progress_ = context_.net.loop.now();
  stream_.on_body(bytes);
  arm();
}

void H2Exchange::on_end(const Headers& trailers) {
  event::About about(context_.net.loop, *this);
  if (phase_ == Phase::Request) stream_.on_end(trailers);
  arm();
}

void H2Exchange::refuse(http::Failure failure) {
  event::About about(context_.net.loop, *this);
  phase_ = Phase::Request;
  stream_.fail(failure);
}

void H2Exchange::resume() {
  session_.codec().resume(id_);
  session_.push_soon();
  arm();
}

// ---- The answer --------------------------------------------------------------------------------

std::size_t H2Exchange::write_head(const ResponseHead& head, const http::WriteOptions& options) {
  session_.codec().write_response(id_, head, options, session_.no_gather());
  session_.push_soon();
  std::size_t size = 0;
  for (const Field& field : head.headers) size += field.name.size() + field.value.size();
  return size;
}

std::size_t H2Exchange::write_body(std::span<const char> bytes) {
  session_.codec().write_body(id_, bytes, session_.no_gather());
  session_.push_soon();
  return bytes.size();
}

void H2Exchange::write_end(const Headers& trailers) {
  session_.codec().write_end(id_, trailers, session_.no_gather());
  session_.push_soon();
}

bool H2Exchange::has_room() const { return session_.codec().queued(id_) < most_unsent; }

bool H2Exchange::leaves_at_once() const {
  return session_.is_clear() && session_.codec().has_window(id_);
}

void H2Exchange::on_sent() {
  event::About about(context_.net.loop, *this);
  progress_ = context_.net.loop.now();
  if (phase_ == Phase::Request) stream_.on_client_sent();
  arm();
}

void H2Exchange::note_progress() {
  progress_ = context_.net.loop.now();
  arm();
}

// ---- The end -----------------------------------------------------------------------------------

void H2Exchange::finish(bool) {
  if (phase_ == Phase::Dead) return;
  phase_ = Phase::Ending;
  progress_ = context_.net.loop.now();
  write_end(Headers());
  arm();
}

void H2Exchange::abort() {
  if (phase_ == Phase::Dead) return;
  session_.codec().reset(id_, stream_.record().failure);
  session_.push_soon();
  die();
}

void H2Exchange::on_closed(http::Failure failure) {
  event::About about(context_.net.loop, *this);
  if (phase_ == Phase::Dead) return;
  if (failure == http::Failure::ClientGone) return stream_.client_gone();
  if (failure != http::Failure::None) stream_.record().failure = failure;
  die();
}

void H2Exchange::expel() {
  event::About about(context_.net.loop, *this);
  if (phase_ == Phase::Request) stream_.fail(http::Failure::DrainTimeout);
}

void H2Exchange::die() {
  if (phase_ == Phase::Dead) return;
  phase_ = Phase::Dead;
  deadline_.clear();
  Hook::unlink();
  stream_.stop();
  stream_.log();
  session_.on_ended();
  context_.net.loop.reap(*this);
}

// ---- Time limits -------------------------------------------------------------------------------

bool H2Exchange::waits_for_body() const {
  return !stream_.is_request_complete() && stream_.wants_body();
}

void H2Exchange::arm() {
  std::uint64_t at = 0;
  switch (phase_) {
    case Phase::Head: at = earlier(0, begun_, timeouts_->header); break;
    case Phase::Request:
      at = earlier(0, begun_, timeouts_->request);
      if (waits_for_body()) at = earlier(at, progress_, timeouts_->body);
      if (session_.codec().queued(id_) > 0) at = earlier(at, progress_, timeouts_->send);
      break;
    case Phase::Ending: at = earlier(0, progress_, timeouts_->send); break;
    case Phase::Dead: break;
  }
  deadline_.set(context_.net.loop, at);
}

void H2Exchange::on_deadline() noexcept {
  event::About about(context_.net.loop, *this);
  const std::uint64_t now = context_.net.loop.now();
  const auto passed = [now](std::uint64_t from, std::uint64_t limit) {
    return limit > 0 && now >= from + limit;
  };
  switch (phase_) {
    case Phase::Dead: return;
    case Phase::Head: return refuse(http::Failure::RequestHeaderTimeout);
    case Phase::Request:
      if (passed(begun_, timeouts_->request)) return stream_.fail(http::Failure::RequestTimeout);
      if (waits_for_body() && passed(progress_, timeouts_->body))
        return stream_.fail(http::Failure::RequestBodyTimeout);
      break;
    case Phase::Ending: break;
  }
  const bool sending = phase_ == Phase::Ending || session_.codec().queued(id_) > 0;
  if (sending && passed(progress_, timeouts_->send))
    return stream_.fail(http::Failure::ClientSendTimeout);
  arm();
}

}  // namespace weir::proxy
