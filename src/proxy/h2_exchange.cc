// SPDX-License-Identifier: Apache-2.0
#include "proxy/h2_exchange.h"

#include "base/assert.h"
#include "http/grpc.h"
#include "http/head_size.h"
#include "http/websocket.h"
#include "proxy/h2_session.h"

#include <algorithm>
#include <string>
#include <utility>

namespace weir::proxy {

namespace {

// From so many bytes on it pays to send them at once from where they lie; fewer wait for their company.
constexpr std::size_t worth_lending = 16 * 1024;

// The earlier of two moments, where 0 is never; a limit of 0 is none.
std::uint64_t earlier(std::uint64_t at, std::uint64_t from, std::uint64_t limit) {
  if (limit == 0) return at;
  return at == 0 ? from + limit : std::min(at, from + limit);
}

}  // namespace

H2Exchange::H2Exchange(Context& context, H2Session& session, http::H2Codec::Message& message,
                       http::StreamId id)
    : ClientSide(session.listener(), session.peer()),
      context_(context),
      session_(session),
      message_(&message),
      timeouts_(&session.listener().timeouts()),
      deadline_(*this),
      soon_(*this),
      begun_(context.net.loop.now()),
      progress_(begun_),
      stream_(context, *this, begun_) {
  stream_.record().h2_stream = id;
  arm();
}

// ---- The request -------------------------------------------------------------------------------

void H2Exchange::on_head(MessageHead& head) {
  if (phase_ != Phase::Head) return;  // it came too late, and is being told so
  event::About about(context_.net.loop, *this);
  phase_ = Phase::Request;
  auto& request = static_cast<RequestHead&>(head);
  if (http::is_grpc(request)) call_limit_ = http::grpc_timeout(request).value_or(0);
  if (request.wants_upgrade) {
    // HTTP/2 has no need of a key, but the server has.
    const std::string key = http::websocket_key(context_.random(), context_.random());
    request.headers.set(arena(), "Sec-WebSocket-Key", arena().copy(key));
  }
  stream_.on_head(head);
  arm();
}

// Bytes that a client sends before its tunnel is established have to wait.
bool H2Exchange::is_upgrading() const {
  const RequestHead* request = stream_.record().request;
  return phase_ == Phase::Request && request && request->wants_upgrade;
}

bool H2Exchange::wants_body() const {
  return (phase_ == Phase::Request || phase_ == Phase::Raw) && !is_upgrading() &&
         stream_.wants_body();
}

void H2Exchange::on_body(std::span<const char> bytes) {
  event::About about(context_.net.loop, *this);
  progress_ = context_.net.loop.now();
  stream_.on_body(bytes);
  arm();
}

void H2Exchange::on_end(const Headers& trailers) {
  event::About about(context_.net.loop, *this);
  if (phase_ == Phase::Request || phase_ == Phase::Raw) stream_.on_end(trailers);
  arm();
}

const tls::Transport* H2Exchange::tls() const { return session_.tls(); }

void H2Exchange::refuse(http::Failure failure) {
  if (phase_ != Phase::Head) return;
  event::About about(context_.net.loop, *this);
  phase_ = Phase::Request;
  stream_.fail(failure);
}

void H2Exchange::resume() { context_.net.loop.post(soon_); }

void H2Exchange::on_task() noexcept {
  event::About about(context_.net.loop, *this);
  if (message_) session_.codec().resume(*message_);
  session_.push_soon();
  arm();
}

// ---- The answer --------------------------------------------------------------------------------

void H2Exchange::become_raw() {
  WEIR_ASSERT(phase_ == Phase::Request);
  phase_ = Phase::Raw;
  note_progress();
}

std::size_t H2Exchange::write_head(const ResponseHead& head, const http::WriteOptions& options) {
  if (head.status == 101) {
    // RFC 8441 §5: the client is told so by 200, and has no use for the proof.
    ResponseHead& opened = arena().array<ResponseHead>(1)[0];
    opened.status = 200;
    opened.headers.assign(arena(), head.headers.fields());
    opened.headers.remove("sec-websocket-accept");
    return write_head(opened, {.framing = {BodyEnd::Chunked, 0}});
  }
  if (message_) session_.codec().write_response(*message_, head, options);
  session_.push_soon();
  return http::status_line_size(head) + http::fields_size(head.headers);
}

std::size_t H2Exchange::write_body(std::span<const char> bytes) {
  if (message_ && bytes.size() >= worth_lending) {
    session_.write_through(*message_, bytes);
  } else {
    if (message_) session_.codec().write_body(*message_, bytes);
    session_.push_soon();
  }
  // The client's time to take it begins, though it may never let anything leave.
  if (!is_sending_) note_progress();
  return bytes.size();
}

std::size_t H2Exchange::write_end(const Headers& trailers) {
  if (message_) session_.codec().write_end(*message_, trailers);
  session_.push_soon();
  return http::fields_size(trailers);
}

bool H2Exchange::take_back() { return message_ && session_.codec().take_back(*message_); }

std::size_t H2Exchange::queued() const { return message_ ? http::H2Codec::queued(*message_) : 0; }

bool H2Exchange::has_room() const { return queued() < session_.room().unsent; }

bool H2Exchange::leaves_at_once() const {
  return message_ && session_.is_clear() && session_.codec().has_window(*message_);
}

void H2Exchange::on_sent() {
  event::About about(context_.net.loop, *this);
  progress_ = context_.net.loop.now();
  if (phase_ == Phase::Request || phase_ == Phase::Raw) stream_.on_client_sent();
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
  if (message_) session_.codec().reset(*std::exchange(message_, nullptr), stream_.record().failure);
  session_.push_soon();
  die();
}

void H2Exchange::on_closed(http::Failure failure) {
  event::About about(context_.net.loop, *this);
  message_ = nullptr;
  if (phase_ == Phase::Dead) return;
  if (failure == http::Failure::ClientGone) return stream_.fail(http::Failure::ClientGone);
  if (failure != http::Failure::None) stream_.record().failure = failure;
  die();
}

void H2Exchange::expel() {
  event::About about(context_.net.loop, *this);
  if (phase_ == Phase::Request) return stream_.fail(http::Failure::DrainTimeout);
  if (phase_ == Phase::Raw) stream_.tunnel()->leave();
}

void H2Exchange::die() {
  if (phase_ == Phase::Dead) return;
  phase_ = Phase::Dead;
  deadline_.clear();
  soon_.unlink();
  Hook::unlink();
  stream_.stop();
  stream_.log();
  session_.on_ended();
  context_.net.loop.reap(*this);
}

// ---- Time limits -------------------------------------------------------------------------------

bool H2Exchange::waits_for_body() const { return !stream_.is_request_complete() && wants_body(); }

std::uint64_t H2Exchange::lifetime_end() const {
  return session_.lifetime() > 0 ? session_.opened() + session_.lifetime() : 0;
}

std::uint64_t H2Exchange::request_limit() const {
  if (call_limit_ == 0 || timeouts_->request == 0) return call_limit_ + timeouts_->request;
  return std::min(call_limit_, timeouts_->request);
}

// Its bytes wait for the socket, which all exchanges share, or for a window, which the client alone opens.
std::uint64_t H2Exchange::send_due() {
  if (session_.blocked_socket()) return stream_.client_stall().due(progress_, timeouts_->send);
  return timeouts_->send > 0 ? progress_ + timeouts_->send : 0;
}

bool H2Exchange::is_stalled(std::uint64_t now) {
  if (timeouts_->send == 0) return false;
  if (const net::TcpTransport* blocked = session_.blocked_socket())
    return stream_.client_stall().judge(*blocked, progress_, now, timeouts_->send);
  return now >= progress_ + timeouts_->send;
}

void H2Exchange::arm() {
  std::uint64_t at = 0;
  is_sending_ = queued() > 0;
  switch (phase_) {
    case Phase::Head: at = earlier(0, begun_, timeouts_->header); break;
    case Phase::Request:
      at = earlier(0, begun_, request_limit());
      if (waits_for_body()) at = earlier(at, progress_, timeouts_->body);
      if (is_sending_)
        if (const std::uint64_t due = send_due(); due > 0) at = at == 0 ? due : std::min(at, due);
      break;
    case Phase::Ending: at = send_due(); break;
    case Phase::Raw:  // the tunnel has limits of its own
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
    case Phase::Raw:
    case Phase::Dead: return;
    case Phase::Head:
      if (message_ && !stream_.record().request) session_.codec().tell_partly(*message_);
      return refuse(http::Failure::RequestHeaderTimeout);
    case Phase::Request:
      if (passed(begun_, request_limit())) return stream_.fail(http::Failure::RequestTimeout);
      if (waits_for_body() && passed(progress_, timeouts_->body))
        return stream_.fail(http::Failure::RequestBodyTimeout);
      break;
    case Phase::Ending: break;
  }
  const bool sending = phase_ == Phase::Ending || queued() > 0;
  if (sending && is_stalled(now)) return stream_.fail(http::Failure::ClientSendTimeout);
  arm();
}

}  // namespace weir::proxy
