// SPDX-License-Identifier: Apache-2.0
#include "proxy/session.h"

#include <weir/log.h>

#include "proxy/h2_session.h"
#include "proxy/stream.h"
#include "shm/server_table.h"

namespace weir::proxy {

namespace {

constexpr int most_steps = 8;                   // in one turn, before others get their share
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

Session::Session(Context& context, Listener& listener, int fd, const net::Address& peer, bool tls)
    : ClientSide(listener, peer_),
      context_(context),
      tcp_(context.net.loop, *this),
      codec_(http::H1Codec::Role::Server, listener.limits(), *this),
      deadline_(*this),
      again_(*this),
      timeouts_(&listener.timeouts()),
      peer_(peer) {
  tcp_.adopt(fd);
  net::TransportEvents& owner = *this;
  if (tls)
    tls_ =
        std::make_unique<tls::Transport>(tcp_, context.net.outbox, owner, listener.rules().tls());
  opened_ = progress_ = context.net.loop.now();
  listener_.enter(*this);
}

Session::~Session() {
  stream_.reset();
  context_.net.outbox.forget(transport());
  if (!handed_over_) listener_.count_client(-1);
}

void Session::start() {
  event::About about(context_.net.loop, *this);
  pump();
}

Stream& Session::open_stream() {
  if (!stream_) {
    if (begun_ == 0) begun_ = context_.net.loop.now();
    stream_ = std::make_unique<Stream>(context_, *this, begun_);
    phase_ = Phase::Request;
    ++requests_;
  }
  return *stream_;
}

void Session::on_begin(http::StreamId) {
  phase_ = Phase::Head;
  begun_ = context_.net.loop.now();
}

bool Session::on_preface() {
  if (requests_ > 0 || !listener_.rules().listener().http2) return false;
  phase_ = Phase::HandedOver;
  return true;
}

// What has been read goes along.
void Session::hand_over() {
  context_.net.outbox.flush();
  ClientTransport transport(context_.net.loop, *this, tcp_, std::move(tls_));
  auto* session = new H2Session(context_, listener_, std::move(transport), peer_, opened_);
  handed_over_ = true;
  session->start(inbox_.bytes());
  die();
}

http::MessageSink* Session::sink(http::StreamId) { return &open_stream(); }

void Session::on_broken(http::StreamId, http::Failure failure) {
  if (failure == http::Failure::ClientGone) {
    if (stream_) return stream_->client_gone();
    return die();
  }
  open_stream().fail(failure);
}

bool Session::may_keep() const {
  const config::ListenerTerms& config = listener_.rules().listener();
  if (listener_.is_draining() || (config.max_requests > 0 && requests_ >= config.max_requests))
    return false;
  std::uint64_t end = lifetime_end();
  return end == 0 || context_.net.loop.now() < end;
}

std::uint64_t Session::lifetime_end() const {
  const config::Limit& limit = listener_.rules().listener().max_lifetime;
  return limit ? opened_ + static_cast<std::uint64_t>(limit->count()) * 1000 : 0;
}

bool Session::wants_input() const {
  if (phase_ == Phase::Idle || phase_ == Phase::Head) return true;
  return phase_ == Phase::Request && !stream_->is_request_complete() && stream_->wants_body();
}

void Session::resume() { pump(); }

void Session::pump() {
  if (pumping_) return;
  pumping_ = true;
  for (int steps = 0; wants_input(); ++steps) {
    if (steps == most_steps) {
      context_.net.loop.post(again_);
      break;
    }
    net::IoResult result = step();
    if (result.io == net::Io::Again) break;
    if (result.io != net::Io::Done) {
      ended(result.io);
      break;
    }
    if (result.bytes > 0) progress_ = context_.net.loop.now();
  }
  pumping_ = false;
  if (phase_ == Phase::HandedOver) return hand_over();
  arm();
}

// The handshake; what the client speaks is known when it is done.
net::IoResult Session::greet() {
  net::IoResult result = tls_->handshake();
  if (result.io == net::Io::Again) return result;
  context_.journal.count_handshake(*tls_);
  progress_ = context_.net.loop.now();
  if (result.io == net::Io::Failed)
    log(Level::Debug, "listener ", listener_.identity().name,
        ": handshake failed: ", tls_->failure_text());
  else if (tls_->alpn() == tls::h2)
    phase_ = Phase::HandedOver;
  return result;
}

net::IoResult Session::step() {
  if (is_greeting())
    if (net::IoResult result = greet(); result.io != net::Io::Done || phase_ == Phase::HandedOver)
      return result;
  if (phase_ == Phase::Request && inbox_.empty() && codec_.plain_body() >= net::worth_moving)
    return stream_->move_body();
  std::size_t most =
      phase_ == Phase::Request ? context_.net.read_buffer.size() : 2 * net::first_read;
  return net::feed_once(context_.net, transport(), codec_, inbox_, most);
}

void Session::ended(net::Io how) {
  if (how == net::Io::End) return codec_.feed_end();
  if (stream_) return stream_->client_gone();
  die();
}

void Session::on_readable() noexcept {
  event::About about(context_.net.loop, *this);
  switch (phase_) {
    case Phase::Dead: return;
    case Phase::Raw: return stream_->run_tunnel();
    case Phase::Lingering: return discard();
    case Phase::Request:
    case Phase::Ending:
      // A client that only ended its sending side still waits for the answer.
      if (!wants_input() && transport().is_broken()) return stream_->client_gone();
      [[fallthrough]];
    default: pump();
  }
}

void Session::on_sent() noexcept {
  event::About about(context_.net.loop, *this);
  progress_ = context_.net.loop.now();
  switch (phase_) {
    case Phase::Dead: return;
    case Phase::Raw: return stream_->run_tunnel();
    case Phase::Lingering: return;
    case Phase::Ending:
      if (stream_->has_unsent()) stream_->on_client_sent();
      if (phase_ == Phase::Ending) settle();
      return;
    case Phase::Request: stream_->on_client_sent(); break;
    default: break;
  }
  arm();
}

void Session::on_task() noexcept {
  event::About about(context_.net.loop, *this);
  if (phase_ == Phase::Ending) return settle();
  if (phase_ == Phase::Lingering) return discard();
  if (phase_ != Phase::Dead && phase_ != Phase::Raw) pump();
}

void Session::finish(bool keep) {
  if (phase_ == Phase::Dead) return;
  phase_ = Phase::Ending;
  keep_ = keep;
  context_.net.loop.post(again_);
}

// Ends the stream once its last byte has left, and begins the next request or the end.
void Session::settle() {
  context_.net.outbox.flush();
  if (transport().has_failed()) return stream_->client_gone();
  if (transport().queued() > 0 || stream_->has_unsent()) return arm();
  stream_->log();
  bool complete = stream_->is_request_complete();
  stream_.reset();
  timeouts_ = &listener_.timeouts();
  begun_ = 0;
  if (!keep_) {
    if (complete && inbox_.empty() && !transport().may_have_input()) return die();
    return linger();
  }
  codec_.next();
  phase_ = Phase::Idle;
  progress_ = context_.net.loop.now();
  pump();
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
  for (int reads = 0; reads < most_steps; ++reads) {
    net::IoResult result = transport().read(context_.net.read_buffer);
    if (result.io == net::Io::Again) return;
    if (result.io != net::Io::Done) return die();
  }
  context_.net.loop.post(again_);
}

void Session::abort() {
  if (phase_ == Phase::Dead) return;
  transport().abort();
  die();
}

void Session::become_raw() {
  phase_ = Phase::Raw;
  transport().watch();
  note_progress();
}

void Session::note_progress() {
  progress_ = context_.net.loop.now();
  arm();
}

std::size_t Session::write_head(const ResponseHead& head, const http::WriteOptions& options) {
  Gather& gather = out();
  const std::size_t before = gather.size();
  codec_.write_response(1, head, options, gather);
  return gather.size() - before;
}

std::size_t Session::write_body(std::span<const char> bytes) {
  Gather& gather = out();
  const std::size_t before = gather.size();
  codec_.write_body(1, bytes, gather);
  return gather.size() - before;
}

void Session::set_timeouts(const ClientTimeouts& timeouts) { timeouts_ = &timeouts; }

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
    case Phase::Raw: return end_tunnel();
    case Phase::Request: return stream_->fail(http::Failure::DrainTimeout);
    default: return;  // it ends by itself
  }
}

void Session::end_tunnel() {
  if (leaving_tunnel_) return;
  leaving_tunnel_ = true;
  note_progress();
  stream_->end_tunnel();
}

std::uint32_t Session::describe(shm::Report& report, std::uint32_t at) const {
  shm::SessionRow* place = report.place(at);
  if (!place) return at + 1;
  shm::SessionRow& row = *place;
  row = {};
  row.listener = listener_.identity().number;
  char host[112];
  std::string client(peer_.host(host));
  shm::set_text(row.client, client + ":" + std::to_string(peer_.port()));
  std::uint64_t now = context_.net.loop.now();
  row.age_us = now - opened_;
  row.requests = requests_;
  row.has_stream = stream_ != nullptr;
  if (stream_)
    stream_->describe(row, now);
  else
    shm::set_text(row.phase, phase_ == Phase::Idle        ? "idle"
                             : phase_ == Phase::Lingering ? "lingering"
                                                          : "head");
  return at + 1;
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

void Session::arm() {
  std::uint64_t at = 0;
  switch (phase_) {
    case Phase::Idle:
      at = is_greeting() ? after(opened_, timeouts_->handshake) : after(progress_, timeouts_->idle);
      break;
    case Phase::Head: at = after(begun_, timeouts_->header); break;
    case Phase::Raw:
      at = leaving_tunnel_ ? progress_ + linger_us
                           : earlier(after(progress_, timeouts_->tunnel), lifetime_end());
      break;
    case Phase::Lingering: at = progress_ + linger_us; break;
    case Phase::Request:
      if (wants_input()) at = after(progress_, timeouts_->body);
      at = earlier(at, after(begun_, timeouts_->request));
      if (!tcp_.is_watched()) at = earlier(at, begun_ + unwatched_us);
      [[fallthrough]];
    case Phase::Ending:
      if (transport().queued() > 0 || stream_->has_unsent())
        at = earlier(at, after(progress_, timeouts_->send));
      break;
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
    case Phase::HandedOver:
    case Phase::Dead: return;
    case Phase::Idle:
      if (is_greeting()) {
        tls_->expire();
        context_.journal.count_handshake(*tls_);
      }
      return die();
    case Phase::Lingering: return die();
    case Phase::Head: return open_stream().fail(http::Failure::RequestHeaderTimeout);
    case Phase::Raw:
      if (!leaving_tunnel_ && passed(lifetime_end(), 1)) return end_tunnel();
      return stream_->fail(http::Failure::None);
    case Phase::Request:
      if (passed(begun_, timeouts_->request)) return stream_->fail(http::Failure::RequestTimeout);
      if (wants_input() && passed(progress_, timeouts_->body))
        return stream_->fail(http::Failure::RequestBodyTimeout);
      if (!tcp_.is_watched()) transport().watch();
      break;
    case Phase::Ending: break;
  }
  bool sending = transport().queued() > 0 || stream_->has_unsent();
  if (sending && passed(progress_, timeouts_->send))
    return stream_->fail(http::Failure::ClientSendTimeout);
  arm();
}

}  // namespace weir::proxy
