// SPDX-License-Identifier: Apache-2.0
#include "upstream/connection.h"

#include "base/assert.h"
#include "upstream/h2_connection.h"
#include "upstream/pipeline_connection.h"
#include "upstream/server.h"

#include <errno.h>

#include <algorithm>
#include <utility>

namespace weir::upstream {

namespace {

// Steps in one turn before others get their share.
constexpr int most_steps = 8;

}  // namespace

http::Failure connect_failure(int error) {
  switch (error) {
    case ECONNREFUSED:
    case ENOENT: return http::Failure::ConnectRefused;
    case ETIMEDOUT: return http::Failure::ConnectTimeout;
    default: return http::Failure::ConnectFailed;
  }
}

http::Failure tls_failure(tls::Failure failure) {
  switch (failure) {
    case tls::Failure::Certificate: return http::Failure::TlsCertificate;
    case tls::Failure::Alert: return http::Failure::TlsAlert;
    default: return http::Failure::TlsProtocol;
  }
}

Connection::Connection(const net::Context& context, Server& server)
    : context_(context),
      server_(server),
      tcp_(context.loop, *this),
      codec_(http::H1Codec::Role::Client, server.answer_limits(), *this),
      deadline_(*this),
      again_(*this) {}

Connection::~Connection() { context_.outbox.forget(transport()); }

bool Connection::is_connecting() const {
  return tcp_.is_connecting() || (server_.tls() && !(tls_ && tls_->is_established()));
}

int Connection::start(bool only_http1) {
  only_http1_ = only_http1;
  return server_.dial(tcp_, dial_);
}

void Connection::arm(std::uint64_t limit) {
  if (limit == 0) return deadline_.clear();
  deadline_.set(context_.loop, context_.loop.now() + limit);
}

void Connection::lease(ConnectionUser& user, const ServerTimeouts& timeouts) {
  WEIR_ASSERT(!user_ && phase_ != Phase::Dead);
  user_ = &user;
  timeouts_ = timeouts;
  phase_ = is_connecting() ? Phase::Connecting : Phase::Sending;
  if (phase_ != Phase::Connecting) return;
  if (timeouts_.connect > 0) timeouts_.connect += context_.loop.now();
  arm_connect();
  // Connected at once, so no event will come: the handshake begins by itself.
  if (!tcp_.is_connecting()) context_.loop.post(again_);
}

void Connection::write_request(const RequestHead& head, const http::WriteOptions& options) {
  WEIR_ASSERT(user_ && phase_ <= Phase::Sending);
  phase_ = Phase::Sending;
  request_ended_ = false;
  sent_at_ = 0;
  deadline_.clear();
  codec_.write_request(head, options, context_.outbox.to(transport()));
}

void Connection::write_body(std::span<const char> bytes) {
  codec_.write_body(bytes, context_.outbox.to(transport()));
  note_sent();
}

// Bytes of the request are under way, and of the answer nothing but perhaps that it may go on.
bool Connection::is_sending() const {
  if (phase_ == Phase::Reading) return !request_ended_ && !codec_.is_mid_message();
  return phase_ == Phase::Sending || phase_ == Phase::Awaiting;
}

// Whether the socket takes them shows at the end of the iteration.
void Connection::note_sent() {
  if (!is_sending()) return;
  sent_at_ = context_.loop.now();
  std::uint64_t at = stall_.due(sent_at_, timeouts_.send);
  if (phase_ == Phase::Awaiting && timeouts_.first_byte > 0) {
    const std::uint64_t answer_due = sent_at_ + timeouts_.first_byte;
    at = at == 0 ? answer_due : std::min(at, answer_due);
  }
  if (at > 0) deadline_.set(context_.loop, at);
}

void Connection::write_end(const Headers& trailers) {
  codec_.write_end(trailers, context_.outbox.to(transport()));
  request_ended_ = true;
  // It has said that we may go on; now the answer has to follow.
  if (phase_ == Phase::Reading && !codec_.is_mid_message()) arm(timeouts_.read);
  if (phase_ != Phase::Sending) return;
  phase_ = Phase::Awaiting;
  // Without a body all of it leaves at once, or nearly.
  if (sent_at_ > 0) return note_sent();
  sent_at_ = context_.loop.now();
  arm(timeouts_.first_byte);
}

// Each address has its share of what is left of the time.
void Connection::arm_connect() {
  if (timeouts_.connect == 0) return deadline_.clear();
  const std::uint64_t now = context_.loop.now();
  const std::uint64_t left = timeouts_.connect > now ? timeouts_.connect - now : 1;
  arm(std::max<std::uint64_t>(left / (1 + server_.addresses().left(dial_)), 1));
}

// This address did not take the connection, and another one may.  Not at once: the transport may be the caller.
void Connection::fail_here(http::Failure failure) {
  if (!server_.may_dial_on(dial_, failure)) return fail(failure);
  moves_on_ = true;
  context_.loop.post(again_);
}

void Connection::connect_elsewhere() {
  moves_on_ = false;
  context_.outbox.forget(transport());
  tls_.reset();
  tcp_.report_to(*this);
  if (const int error = server_.dial(tcp_, dial_)) return fail(connect_failure(error));
  arm_connect();
  if (!tcp_.is_connecting()) finish_connecting();
}

bool Connection::finish_connecting() {
  if (moves_on_) return false;
  int error = tcp_.connect_result();
  if (error == EINPROGRESS) return false;
  if (error != 0) {
    fail_here(connect_failure(error));
    return false;
  }
  if (server_.tls() && !finish_handshake()) return false;
  if (tls_ && tls_->alpn() == alpn_of(Protocol::Http2)) {
    become_h2();
    return false;
  }
  user_->on_connected(*this);
  return true;
}

bool Connection::finish_handshake() {
  if (!tls_) {
    net::TransportEvents& owner = *this;
    tls_ = std::make_unique<tls::Transport>(tcp_, context_.outbox, owner, server_.tls(),
                                            server_.identity());
    if (only_http1_) tls_->offer_only(alpn_of(Protocol::Http11));
  }
  net::IoResult result = tls_->handshake();
  if (result.io == net::Io::Failed) {
    server_.note_tls_failure(*tls_);
    fail_here(tls_failure(tls_->failure()));
  }
  return result.io == net::Io::Done;
}

// The server could choose, and has chosen HTTP/2.
void Connection::become_h2() {
  WEIR_ASSERT(user_ && tls_);
  ConnectionUser* user = std::exchange(user_, nullptr);
  context_.outbox.flush();  // the end of the handshake
  H2Call* call = server_.begin_h2(tcp_, std::move(tls_), dial_);
  die();
  call->lease(*user, timeouts_);
  if (!call->is_connecting()) user->on_connected(*call);
}

void Connection::move_to(PipelineConnection& other) {
  WEIR_ASSERT(phase_ == Phase::Idle && !user_);
  other.take_over(tcp_, std::move(tls_), dial_, timeouts_.idle);
  die();
}

void Connection::on_task() noexcept {
  event::About about(context_.loop, subject());
  if (phase_ == Phase::Connecting)
    return moves_on_ ? connect_elsewhere() : (void)finish_connecting();
  pump();
}

void Connection::on_sent() noexcept {
  event::About about(context_.loop, subject());
  if (phase_ == Phase::Dead || !user_) return;
  if (phase_ == Phase::Connecting) {
    finish_connecting();
    return;
  }
  note_sent();
  user_->on_sent();
}

void Connection::on_readable() noexcept {
  event::About about(context_.loop, subject());
  switch (phase_) {
    case Phase::Dead: return;
    case Phase::Connecting:
      if (finish_connecting()) pump();
      return;
    case Phase::Idle: return die();  // nobody asked for anything: closed, or out of step
    case Phase::Raw: return user_->on_raw_readable();
    default: pump();
  }
}

void Connection::resume() {
  if (!pumping_ && phase_ >= Phase::Sending && phase_ <= Phase::Reading) context_.loop.post(again_);
}

void Connection::pump() {
  if (pumping_) return;
  pumping_ = true;
  for (int steps = 0;
       user_ && phase_ >= Phase::Sending && phase_ <= Phase::Reading && user_->wants_body();
       ++steps) {
    if (steps == most_steps) {
      context_.loop.post(again_);
      break;
    }
    net::IoResult result = step();
    if (result.io == net::Io::Again) break;
    if (result.io != net::Io::Done) {
      ended(result.io);
      break;
    }
    if (phase_ != Phase::Reading || result.bytes == 0) continue;
    arm(timeouts_.read);
    transport().expect_more();
  }
  pumping_ = false;
  if (phase_ == Phase::Returned) settle();
}

net::IoResult Connection::step() {
  const bool can_move = user_->can_move_body();
  if (can_move && inbox_.empty() && codec_.plain_body() >= net::worth_moving)
    return user_->move_body();
  // The first bytes of an answer tell how much is to come; if it is much, it is moved past us.
  const bool know = phase_ == Phase::Reading || !can_move;
  std::size_t most = know ? context_.read_buffer.size() : net::first_read;
  return net::feed_once(context_, transport(), codec_, inbox_, most);
}

void Connection::ended(net::Io how) {
  if (how == net::Io::Failed) {
    bool begun = codec_.is_mid_message();
    return fail(begun ? http::Failure::ResponseTruncated : http::Failure::ServerReset);
  }
  codec_.feed_end();
  // A body that ends with the connection is complete now; its user gives the connection back.
  context_.outbox.flush();
}

void Connection::on_begin() {
  phase_ = Phase::Reading;
  arm(timeouts_.read);
}

void Connection::note_progress() { arm(timeouts_.read); }

void Connection::become_raw() {
  phase_ = Phase::Raw;
  deadline_.clear();
}

void Connection::on_deadline() noexcept {
  event::About about(context_.loop, subject());
  switch (phase_) {
    case Phase::Connecting:
      if (moves_on_) return;
      return fail_here(http::Failure::ConnectTimeout);
    case Phase::Sending:
    case Phase::Awaiting: return check_sending();
    case Phase::Reading:
      // While the client does not take what we have, the server is not to blame.
      if (user_ && !user_->wants_body()) return arm(timeouts_.read);
      // Nor if all it has said is to go on, and the client does.
      if (is_sending()) return check_sending();
      return fail(http::Failure::ReadTimeout);
    case Phase::Idle: return die();
    case Phase::Raw:
    case Phase::Returned:
    case Phase::Dead: return;
  }
}

// Sending: time matters only while the server does not take what there is.  Then it runs to the first byte.
void Connection::check_sending() {
  const std::uint64_t now = context_.loop.now();
  if (timeouts_.send > 0 && has_unsent()) {
    if (stall_.judge(tcp_, sent_at_, now, timeouts_.send))
      return fail(http::Failure::ServerSendTimeout);
    return deadline_.set(context_.loop, stall_.due(sent_at_, timeouts_.send));
  }
  if (phase_ != Phase::Awaiting || timeouts_.first_byte == 0) return;
  if (now >= sent_at_ + timeouts_.first_byte) return fail(http::Failure::FirstByteTimeout);
  deadline_.set(context_.loop, sent_at_ + timeouts_.first_byte);
}

void Connection::fail(http::Failure failure) {
  ConnectionUser* user = user_;
  die();
  if (user) user->on_failed(failure);
}

void Connection::give_back(bool reusable) {
  if (phase_ == Phase::Dead) return;
  user_ = nullptr;
  if (!reusable) codec_.stop();
  reusable_ = reusable && phase_ == Phase::Reading;
  phase_ = Phase::Returned;
  deadline_.clear();
  // From inside the codec's last event: bytes behind the message show only when it has returned.
  if (!pumping_) settle();
}

void Connection::settle() {
  WEIR_ASSERT(!user_ && phase_ == Phase::Returned);
  // Another TLS holds since a reload, or none; or the server has left this address.
  bool same_tls = (tls_ ? tls_->client_context() : nullptr) == server_.tls().get();
  bool clean = same_tls && server_.addresses().contains(dial_.address) &&
               !codec_.is_mid_message() && inbox_.empty() && transport().queued() == 0 &&
               !transport().is_closing();
  if (!reusable_ || !clean) return die();
  codec_.next();
  ++served_;
  phase_ = Phase::Idle;
  arm(timeouts_.idle);
  server_.give_idle(*this);
}

void Connection::die() {
  if (phase_ == Phase::Dead) return;
  if (phase_ == Phase::Idle) --server_.idle_count_;
  phase_ = Phase::Dead;
  codec_.stop();
  user_ = nullptr;
  deadline_.clear();
  Hook::unlink();
  context_.outbox.forget(transport());
  context_.loop.reap(*this);
}

}  // namespace weir::upstream
