// SPDX-License-Identifier: Apache-2.0
#include "upstream/h2_connection.h"

#include "base/assert.h"
#include "upstream/connection.h"
#include "upstream/server.h"

#include <errno.h>

#include <algorithm>
#include <utility>

namespace weir::upstream {

namespace {

constexpr int most_steps = 8;  // in one turn, before others get their share

}  // namespace

H2Connection::H2Connection(const net::Context& context, Server& server)
    : context_(context),
      server_(server),
      tcp_(context.loop, *this),
      codec_(server.answer_limits(), *this),
      deadline_(*this),
      push_(*this) {}

H2Connection::~H2Connection() {
  codec_.stop();
  // One that is dead may outlive its server.
  if (phase_ != Phase::Dead) note_closed();
  while (H2Call* call = calls_.pop_front()) delete call;
  context_.outbox.forget(transport());
}

int H2Connection::start() {
  const int error = server_.dial(tcp_, dial_);
  // Connected at once, so no event will come.
  if (error == 0 && !tcp_.is_connecting()) {
    if (server_.tls())
      push_soon();
    else
      open();
  }
  return error;
}

void H2Connection::take_over(net::TcpTransport& tcp, std::unique_ptr<tls::Transport> tls,
                             const Dial& dial) {
  tcp_.take_over(tcp);
  dial_ = dial;
  tls_ = std::move(tls);
  if (tls_) {
    tls_->move_to(tcp_);
    tls_->report_to(*this);
  }
  tcp_.watch();
  open();
}

// ---- Calls -------------------------------------------------------------------------------------

bool H2Connection::has_room() const {
  if (leaving_ || phase_ == Phase::Dead) return false;
  const std::uint32_t theirs =
      codec_.knows_settings() ? codec_.most_streams() : std::min(server_.h2_.streams, most_unknown);
  return calls_count_ < std::min(most_calls, theirs);
}

H2Call* H2Connection::begin_call() {
  auto* call = new H2Call(*this);
  calls_.push_back(*call);
  ++calls_count_;
  count(shm::SharedCount::Streams);
  return call;
}

bool H2Connection::can_begin(const H2Call& call) const {
  if (phase_ == Phase::Connecting) return false;
  return !call.wants_tunnel() || codec_.knows_settings();
}

void H2Connection::note_call(const ServerTimeouts& timeouts) {
  timeouts_ = timeouts;
  const std::uint64_t now = context_.loop.now();
  const bool is_first = calls_count_ == 1;
  // After a long silence the other side may be gone without our having heard of it.
  const bool is_silent = timeouts_.ping > 0 && now >= heard_ + timeouts_.ping;
  if (phase_ == Phase::Open && asked_ == 0 && is_silent) ask_for_life();
  if (is_first) heard_ = now;
  is_quiet_ = false;
  if (phase_ == Phase::Open) ++served_;
  if (phase_ == Phase::Connecting && is_first && connect_by_ == 0 && timeouts_.connect > 0) {
    connect_by_ = now + timeouts_.connect;
    arm_connect();
  }
  arm();
}

void H2Connection::on_call_ended() {
  WEIR_ASSERT(calls_count_ > 0);
  --calls_count_;
  server_.sharing_.shared_connections.subtract(server_.slot(), shm::SharedCount::Streams);
  if (calls_count_ > 0) return;
  idle_since_ = context_.loop.now();
  push_soon();
}

// Farewell is said twice by servers that do it well.
void H2Connection::on_leaving() {
  if (!was_told_farewell_) count(shm::SharedCount::Goaways);
  was_told_farewell_ = true;
  leave();
}

void H2Connection::on_reset(bool by_server) {
  count(by_server ? shm::SharedCount::ResetsByServers : shm::SharedCount::ResetsByUs);
}

void H2Connection::count(shm::SharedCount what) {
  server_.sharing_.shared_connections.add(server_.slot(), what);
}

void H2Connection::note_closed() {
  if (phase_ == Phase::Open)
    server_.sharing_.shared_connections.subtract(server_.slot(), shm::SharedCount::Connections);
}

void H2Connection::leave() {
  leaving_ = true;
  if (phase_ != Phase::Dead) push_soon();
}

// ---- Connecting --------------------------------------------------------------------------------

// Each address but the last has its share of what is left of the time; how long a call waits is its own business.
void H2Connection::arm_connect() {
  const std::size_t others = server_.addresses().left(dial_);
  if (connect_by_ == 0 || others == 0) return deadline_.clear();
  const std::uint64_t now = context_.loop.now();
  const std::uint64_t left = connect_by_ > now ? connect_by_ - now : 0;
  deadline_.set(context_.loop, now + left / (1 + others));
}

// This address did not take the connection, and another one may.  Not at once: the transport may be the caller.
void H2Connection::fail_here(http::Failure failure) {
  if (!server_.may_dial_on(dial_, failure)) return fail(failure);
  moves_on_ = true;
  push_soon();
}

void H2Connection::connect_elsewhere() {
  moves_on_ = false;
  context_.outbox.forget(transport());
  tls_.reset();
  tcp_.report_to(*this);
  if (const int error = start()) return fail(connect_failure(error));
  if (phase_ == Phase::Connecting) arm_connect();
}

bool H2Connection::finish_connecting() {
  if (moves_on_) return false;
  const int error = tcp_.connect_result();
  if (error == EINPROGRESS) return false;
  if (error != 0) {
    fail_here(connect_failure(error));
    return false;
  }
  if (server_.tls() && !finish_handshake()) return false;
  open();
  return phase_ != Phase::Dead;
}

bool H2Connection::finish_handshake() {
  if (!tls_) {
    net::TransportEvents& owner = *this;
    tls_ = std::make_unique<tls::Transport>(tcp_, context_.outbox, owner, server_.tls(),
                                            server_.identity());
  }
  const net::IoResult result = tls_->handshake();
  if (result.io == net::Io::Failed) {
    server_.note_tls_failure(*tls_);
    fail_here(tls_failure(tls_->failure()));
  }
  if (result.io != net::Io::Done) return false;
  if (tls_->alpn() == alpn_of(Protocol::Http2)) return true;
  const bool may_choose = server_.backend().protocol == config::ServerProtocol::Auto;
  server_.note_http1();
  fail(may_choose ? http::Failure::StreamRefused : http::Failure::NotHttp2);
  return false;
}

void H2Connection::open() {
  phase_ = Phase::Open;
  count(shm::SharedCount::Connections);
  count(shm::SharedCount::Opened);
  heard_ = context_.loop.now();
  push_soon();
  open_calls();
}

void H2Connection::open_calls() {
  List<H2Call> waiting;
  waiting.splice_back(calls_);
  while (H2Call* call = waiting.pop_front()) {
    calls_.push_back(*call);
    if (call->is_waiting()) {
      ++served_;
      call->on_open();
    }
  }
}

// ---- Reading -----------------------------------------------------------------------------------

void H2Connection::pump() {
  more_to_read_ = false;
  busy_ = true;
  for (int steps = 0; phase_ == Phase::Open; ++steps) {
    if (steps == most_steps) {
      more_to_read_ = true;
      push_soon();
      break;
    }
    const net::IoResult result = transport().read(context_.read_buffer);
    if (result.io == net::Io::Again) break;
    if (result.io != net::Io::Done) {
      ended(result.io);
      break;
    }
    heard_ = context_.loop.now();
    asked_ = 0;
    codec_.feed(context_.read_buffer.first(result.bytes));
    // Bodies that were told point into the buffer.
    context_.outbox.release();
  }
  busy_ = false;
  if (phase_ != Phase::Dead) push_soon();
}

void H2Connection::ended(net::Io how) {
  fail(how == net::Io::Failed ? http::Failure::ServerReset : http::Failure::ServerClosed);
}

void H2Connection::on_readable() noexcept {
  const event::About about(context_.loop, nullptr);
  switch (phase_) {
    case Phase::Dead: return;
    case Phase::Connecting:
      if (finish_connecting()) pump();
      return;
    default: pump();
  }
}

void H2Connection::on_sent(http::MessageSink& sink) { static_cast<H2Call&>(sink).on_sent(); }

void H2Connection::on_closed(http::MessageSink& sink, http::Failure failure) {
  if (failure == http::Failure::NeedsHttp11) server_.note_http1();
  static_cast<H2Call&>(sink).on_closed(failure);
}

void H2Connection::on_settings() {
  server_.h2_.streams = codec_.most_streams();
  open_calls();
}

void H2Connection::on_broken(http::Failure failure) {
  say_farewell();
  fail(failure);
}

// ---- Writing -----------------------------------------------------------------------------------

void H2Connection::push() {
  net::send_frames(context_, transport(), codec_);
  if (phase_ == Phase::Dead) return;
  if (transport().has_failed() && phase_ != Phase::Connecting) {
    // What came before the failure counts: it may be the answer.
    return fail(http::Failure::ServerReset);
  }
  settle();
}

void H2Connection::on_sent() noexcept {
  const event::About about(context_.loop, nullptr);
  if (phase_ == Phase::Dead) return;
  if (phase_ == Phase::Connecting) {
    (void)finish_connecting();
    return;
  }
  push();
}

void H2Connection::on_task() noexcept {
  const event::About about(context_.loop, nullptr);
  if (phase_ == Phase::Dead) return;
  if (phase_ == Phase::Connecting) {
    if (is_idle()) return die();  // nobody waits for it any more
    moves_on_ ? connect_elsewhere() : (void)finish_connecting();
    return;
  }
  if (more_to_read_) return pump();
  push();
}

// ---- Time --------------------------------------------------------------------------------------

// Whether it is still wanted.
void H2Connection::settle() {
  if (!is_idle()) return arm();
  const bool other_terms = (tls_ ? tls_->client_context() : nullptr) != server_.tls().get();
  if (leaving_ || other_terms || !server_.keeps_idle(*this)) return close();
  arm();
}

void H2Connection::ask_for_life() {
  asked_ = context_.loop.now();
  codec_.ping();
  push_soon();
}

void H2Connection::arm() {
  if (phase_ == Phase::Connecting) return;
  std::uint64_t limit = timeouts_.idle, from = idle_since_;
  if (!is_idle()) {
    limit = is_quiet_ ? 0 : timeouts_.ping;
    from = std::max(heard_, asked_);
  }
  deadline_.set(context_.loop, limit == 0 ? 0 : from + limit);
}

void H2Connection::on_deadline() noexcept {
  const event::About about(context_.loop, nullptr);
  if (phase_ == Phase::Dead || moves_on_) return;
  if (phase_ == Phase::Connecting) return fail_here(http::Failure::ConnectTimeout);
  const std::uint64_t now = context_.loop.now();
  if (is_idle()) {
    if (timeouts_.idle > 0 && now >= idle_since_ + timeouts_.idle) return close();
  } else if (timeouts_.ping > 0) {
    if (asked_ > 0 && now >= asked_ + timeouts_.ping) {
      count(shm::SharedCount::PingTimeouts);
      return fail(http::Failure::ServerSilent);
    }
    if (asked_ == 0 && !is_quiet_ && now >= heard_ + timeouts_.ping) ask_for_life();
  }
  arm();
}

// ---- The end -----------------------------------------------------------------------------------

void H2Connection::fail(http::Failure failure) {
  if (phase_ == Phase::Dead) return;
  codec_.stop();
  List<H2Call> ending;
  ending.splice_back(calls_);
  die();
  while (H2Call* call = ending.pop_front()) {
    calls_.push_back(*call);
    call->on_closed(failure);
  }
}

// As far as the socket takes it.
void H2Connection::say_farewell() {
  codec_.stop();
  if (transport().queued() > 0 || transport().has_failed()) return;
  codec_.write_frames(context_.outbox.to(transport()), net::frames_at_once);
  context_.outbox.flush();
  codec_.forget_sent();
}

void H2Connection::close() {
  codec_.end();
  say_farewell();
  die();
}

void H2Connection::die() {
  if (phase_ == Phase::Dead) return;
  note_closed();
  phase_ = Phase::Dead;
  codec_.stop();
  deadline_.clear();
  static_cast<Hook&>(push_).unlink();
  Hook::unlink();
  context_.outbox.forget(transport());
  context_.loop.reap(*this);
}

}  // namespace weir::upstream
