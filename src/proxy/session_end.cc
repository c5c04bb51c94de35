// SPDX-License-Identifier: Apache-2.0
//
// How long a session lasts and how it ends: its time limits, the ways in which it is told to go, and the
// close that takes no answer with it.
#include "config/units.h"
#include "proxy/session.h"
#include "proxy/stream.h"

#include <algorithm>

namespace weir::proxy {

namespace {

constexpr std::uint64_t linger_us = 5'000'000;  // for the client to read the answer and close
constexpr std::uint64_t quiet_us = 1'000'000;   // since the last answer, until we may close
constexpr std::uint64_t unwatched_us =
    1'000'000;  // a request may last this long before we watch its client

// The moment `limit` after `from`, or 0 if there is no limit.
std::uint64_t after(std::uint64_t from, std::uint64_t limit) {
  return limit == 0 ? 0 : from + limit;
}

// The earlier of two moments, where 0 is never.
std::uint64_t earlier(std::uint64_t a, std::uint64_t b) {
  return a == 0 ? b : b == 0 ? a : std::min(a, b);
}

}  // namespace

bool Session::may_keep() const {
  const config::ListenerTerms& config = listener_.rules().listener();
  if (listener_.is_draining() || (config.max_requests > 0 && requests_ >= config.max_requests))
    return false;
  const std::uint64_t now = context_.net.loop.now();
  // The rest of a request whose time is up is not waited for: its limit would break the connection a moment later, and a
  // reset may destroy the answer.
  const bool is_overdue = timeouts_->request > 0 && now >= begun_ + timeouts_->request;
  if (is_overdue && stream_ && !stream_->is_request_complete()) return false;
  std::uint64_t end = lifetime_end();
  return end == 0 || now < end;
}

std::uint64_t Session::lifetime_end() const {
  const std::uint64_t limit = config::microseconds(listener_.rules().listener().max_lifetime);
  return limit > 0 ? opened_ + limit : 0;
}

// A client may send the next request at any time, but most do it soon after the answer.  Whoever does so
// later has time to notice that we have closed.
bool Session::close_if_quiet(std::uint64_t now) {
  if (!is_idle() || now < progress_ + quiet_us || tcp_.has_unread()) return false;
  die();
  return true;
}

void Session::expel(bool at_once) {
  if (at_once) return stream_ ? stream_->fail(http::Failure::None) : die();
  switch (phase_) {
    case Phase::Idle:
    case Phase::Head: return die();
    case Phase::Raw: return stream_->tunnel()->leave();
    case Phase::Request: return stream_->fail(http::Failure::DrainTimeout);
    default: return;  // it ends by itself
  }
}

// Closing with unread input would reset the connection and take the answer with it (RFC 9112 §9.6).
void Session::linger() {
  phase_ = Phase::Lingering;
  codec_.stop();
  inbox_.clear();
  transport().shut_down();
  progress_ = context_.net.loop.now();
  arm();
  discard();
}

void Session::discard() {
  switch (net::drop_some(context_.net, transport())) {
    case net::Io::Again: return;
    case net::Io::Done: return context_.net.loop.post(again_);
    default: return die();
  }
}

void Session::abort() {
  if (phase_ == Phase::Dead) return;
  transport().abort();
  die();
}

void Session::die() {
  if (phase_ == Phase::Dead) return;
  phase_ = Phase::Dead;
  deadline_.clear();
  codec_.stop();
  Hook::unlink();
  context_.net.outbox.forget(transport());
  if (stream_) {
    stream_->stop();
    stream_->log();
  }
  context_.net.loop.reap(*this);
}

// A client that has ended its direction, all of which was read: it has not asked for anything more.  A request that
// takes less than a second is finished whatever the client did, watched or not.
bool Session::has_client_left() {
  if (phase_ != Phase::Request || wants_input()) return false;
  if (context_.net.loop.now() < begun_ + unwatched_us) return false;
  // It may have come with the request, so that no edge has told of it.
  if (tcp_.is_closing() && transport().is_broken()) return true;
  return inbox_.empty() && stream_->ends_with_client() && transport().is_at_end();
}

// When to see whether the client is still there; 0 = its socket will tell.
std::uint64_t Session::look_at() {
  if (has_left_) return context_.net.loop.now();
  const std::uint64_t at = begun_ + unwatched_us;
  if (!tcp_.is_watched()) return at;
  // No edge tells of an end that was seen with what came before it, or that is a record of TLS.
  const bool may_have_ended = tls_ || tcp_.is_closing();
  return may_have_ended && context_.net.loop.now() < at ? at : 0;
}

void Session::arm() {
  std::uint64_t at = 0;
  switch (phase_) {
    case Phase::Idle:
      at = is_greeting() ? after(opened_, timeouts_->handshake) : after(progress_, timeouts_->idle);
      break;
    case Phase::Head: at = after(begun_, timeouts_->header); break;
    case Phase::Lingering: at = progress_ + linger_us; break;
    case Phase::Request:
      if (wants_input()) at = after(progress_, timeouts_->body);
      at = earlier(at, after(begun_, timeouts_->request));
      at = earlier(at, look_at());
      [[fallthrough]];
    case Phase::Ending:
      if (transport().queued() > 0 || stream_->has_unsent())
        at = earlier(at, stream_->client_stall().due(progress_, timeouts_->send));
      break;
    case Phase::Raw:  // the tunnel has limits of its own
    case Phase::HandedOver:
    case Phase::Dead: break;
  }
  deadline_.set(context_.net.loop, at);
}

void Session::on_deadline() noexcept {
  event::About about(context_.net.loop, *this);
  std::uint64_t now = context_.net.loop.now();
  auto passed = [now](std::uint64_t from, std::uint64_t limit) {
    return limit > 0 && now >= from + limit;
  };
  switch (phase_) {
    case Phase::Raw:
    case Phase::HandedOver:
    case Phase::Dead: return;
    case Phase::Idle:
      if (is_greeting()) {
        tls_->expire();
        context_.journal.count_handshake(*tls_);
      }
      return die();
    case Phase::Lingering: return die();
    case Phase::Head:
      codec_.tell_partly(inbox_.bytes());
      return open_stream().fail(http::Failure::RequestHeaderTimeout);
    case Phase::Request:
      if (passed(begun_, timeouts_->request)) return stream_->fail(http::Failure::RequestTimeout);
      if (wants_input() && passed(progress_, timeouts_->body))
        return stream_->fail(http::Failure::RequestBodyTimeout);
      if (has_left_ || has_client_left()) return stream_->fail(http::Failure::ClientGone);
      if (!tcp_.is_watched()) transport().watch();
      break;
    case Phase::Ending: break;
  }
  const bool sending = transport().queued() > 0 || stream_->has_unsent();
  if (sending && timeouts_->send > 0 &&
      stream_->client_stall().judge(tcp_, progress_, now, timeouts_->send))
    return stream_->fail(http::Failure::ClientSendTimeout);
  arm();
}

}  // namespace weir::proxy
