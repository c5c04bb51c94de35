// SPDX-License-Identifier: Apache-2.0
#include "proxy/session.h"

#include <weir/log.h>

#include "base/assert.h"
#include "http/head_size.h"
#include "proxy/h2_session.h"
#include "proxy/stream.h"
#include "shm/server_table.h"

#include <algorithm>

namespace weir::proxy {

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
    written_ = 0;
    stream_ = std::make_unique<Stream>(context_, *this, begun_);
    phase_ = Phase::Request;
    ++requests_;
  }
  return *stream_;
}

void Session::on_begin() {
  phase_ = Phase::Head;
  begun_ = context_.net.loop.now();
}

bool Session::on_preface() {
  if (requests_ > 0 || !listener_.rules().listener().http2) return false;
  phase_ = Phase::HandedOver;
  return true;
}

// Bytes that were read but not parsed are handed over too.
void Session::hand_over() {
  WEIR_ASSERT(!stream_ && !handed_over_);
  context_.net.outbox.flush();
  ClientTransport transport(context_.net.loop, *this, tcp_, std::move(tls_));
  auto* session = new H2Session(context_, listener_, std::move(transport), peer_, opened_);
  handed_over_ = true;
  session->start(inbox_.bytes());
  die();
}

http::MessageSink* Session::sink() { return &open_stream(); }

void Session::on_broken(http::Failure failure) {
  if (failure == http::Failure::ClientGone) {
    return lose_client();
  }
  open_stream().fail(failure);
}

// A request that had only begun is logged as one that its client has given up.
void Session::lose_client() {
  if (!stream_ && phase_ == Phase::Head) codec_.tell_partly(inbox_.bytes());
  stream_ ? stream_->fail(http::Failure::ClientGone) : die();
}

bool Session::wants_input() const {
  if (phase_ == Phase::Idle || phase_ == Phase::Head) return true;
  return phase_ == Phase::Request && !stream_->is_request_complete() && stream_->wants_body();
}

void Session::resume() {
  if (!pumping_) context_.net.loop.post(again_);
}

// Handshakes have their place at the end of a turn, one behind the other, and no more than there is time for.
void Session::pump() {
  if (pumping_) return;
  if (is_greeting()) return context_.net.loop.post(again_);
  go_on();
}

void Session::go_on() {
  WEIR_ASSERT(!pumping_);
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
  // Not from inside a call of the stream's.
  if (phase_ == Phase::Request && tcp_.is_closing() && has_client_left()) has_left_ = true;
  arm();
}

void Session::log_failed_handshake() const {
  char host[112];
  log(Level::Info, "listener ", listener_.identity().name, ": handshake with client ",
      peer_.host(host), " failed: ", tls_->failure_text());
}

// The handshake; what the client speaks is known when it is done.
net::IoResult Session::greet() {
  const std::uint64_t begun = context_.net.loop.read_clock();
  net::IoResult result = tls_->handshake();
  context_.handshakes.spend(context_.net.loop.read_clock() - begun);
  if (result.io == net::Io::Again) return result;
  context_.journal.count_handshake(*tls_);
  progress_ = context_.net.loop.now();
  if (result.io == net::Io::Failed)
    log_failed_handshake();
  else if (tls_->alpn() == alpn_of(Protocol::Http2))
    phase_ = Phase::HandedOver;
  return result;
}

net::IoResult Session::step() {
  if (is_greeting())
    if (net::IoResult result = greet(); result.io != net::Io::Done || phase_ == Phase::HandedOver)
      return result;
  if (phase_ == Phase::Request && inbox_.empty() && codec_.plain_body() >= net::worth_moving &&
      stream_->request_body().can_move())
    return stream_->move_body();
  std::size_t most =
      phase_ == Phase::Request ? context_.net.read_buffer.size() : 2 * net::first_read;
  return net::feed_once(context_.net, transport(), codec_, inbox_, most);
}

void Session::ended(net::Io how) {
  if (how == net::Io::End) return codec_.feed_end();
  lose_client();
}

void Session::on_readable() noexcept {
  event::About about(context_.net.loop, *this);
  switch (phase_) {
    case Phase::Dead: return;
    case Phase::Raw: return stream_->tunnel()->run();
    case Phase::Lingering: return discard();
    case Phase::Request:
    case Phase::Ending:
      if (!wants_input() && (transport().is_broken() || has_client_left()))
        return stream_->fail(http::Failure::ClientGone);
      [[fallthrough]];
    default: pump();
  }
}

void Session::on_sent() noexcept {
  event::About about(context_.net.loop, *this);
  progress_ = context_.net.loop.now();
  switch (phase_) {
    case Phase::Dead: return;
    case Phase::Raw: return stream_->on_client_sent();
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
  if (phase_ == Phase::Dead || phase_ == Phase::Raw) return;
  if (is_greeting() && !context_.handshakes.has_time()) return context_.handshakes.wait(again_);
  go_on();
}

void Session::finish(bool keep) {
  if (phase_ == Phase::Dead) return;
  phase_ = Phase::Ending;
  keep_ = keep;
  if (!keep && tls_) tls_->expect_end();
  context_.net.loop.post(again_);
}

// Ends the stream once its last byte has left, and begins the next request or the end.
void Session::settle() {
  WEIR_ASSERT(stream_ && phase_ == Phase::Ending);
  context_.net.outbox.flush();
  if (transport().has_failed()) return stream_->fail(http::Failure::ClientGone);
  if (transport().queued() > 0 || stream_->has_unsent()) return arm();
  stream_->log();
  bool complete = stream_->is_request_complete();
  stream_.reset();
  timeouts_ = &listener_.timeouts();
  begun_ = 0;
  has_left_ = false;
  if (!keep_) {
    if (complete && inbox_.empty() && !transport().may_have_input()) return die();
    return linger();
  }
  codec_.next();
  phase_ = Phase::Idle;
  progress_ = context_.net.loop.now();
  pump();
}

void Session::become_raw() {
  WEIR_ASSERT(stream_ && phase_ == Phase::Request);
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
  codec_.write_response(head, options, gather);
  return note_written(gather.size() - before);
}

std::size_t Session::write_body(std::span<const char> bytes) {
  Gather& gather = out();
  const std::size_t before = gather.size();
  codec_.write_body(bytes, gather);
  note_written(gather.size() - before);
  return bytes.size();
}

// Trailers are only there behind chunks, whose end does not count.
std::size_t Session::write_end(const Headers& trailers) {
  Gather& gather = out();
  const std::size_t before = gather.size();
  codec_.write_end(trailers, gather);
  const std::size_t written = note_written(gather.size() - before);
  return written > http::last_chunk_size ? written - http::last_chunk_size : 0;
}

std::size_t Session::note_written(std::size_t bytes) {
  written_ = static_cast<std::uint32_t>(std::min<std::size_t>(written_ + bytes, UINT32_MAX));
  return bytes;
}

// The outbox holds nothing of earlier answers: see settle.
bool Session::take_back() {
  if (written_ == 0 || out().size() != written_) return false;
  context_.net.outbox.forget(transport());
  written_ = 0;
  return true;
}

void Session::set_timeouts(const ClientTimeouts& timeouts) { timeouts_ = &timeouts; }

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

}  // namespace weir::proxy
