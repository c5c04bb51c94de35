// SPDX-License-Identifier: Apache-2.0
#include "proxy/h2_session.h"

#include <weir/log.h>

#include "config/units.h"
#include "proxy/h2_exchange.h"

#include <algorithm>
#include <string>

namespace weir::proxy {

namespace {

constexpr int most_steps = 8;  // in one turn, before others get their share
// Time of an iteration for reading and for beginning requests; less for a connection that sends much at a time.
constexpr std::uint64_t share_us = 125, large_share_us = 60;
constexpr std::size_t worth_a_look = 4 * 1024;  // at the clock: bytes of a read
constexpr std::uint64_t linger_us = 5'000'000;  // for the client to read the last frames and close
constexpr std::uint64_t farewell_us = 20'000;   // for who was sent away to hear of it first
constexpr std::uint64_t restless_us = 1'000'000;  // for the next request, until we give memory back
constexpr std::uint64_t announced_us =
    1'000'000;  // until requests on their way have come, without a sign

// Up to a tenth less, so that connections made together do not end together.
std::uint64_t with_jitter(std::uint64_t number, Random& random) {
  const std::uint64_t tenth = std::min<std::uint64_t>(number / 10, UINT32_MAX - 1);
  return number - random.below(static_cast<std::uint32_t>(tenth) + 1);
}

http::H2Room room_of(const config::ListenerTerms& listener) {
  return {listener.max_streams, listener.stream_window, listener.stream_buffer};
}

}  // namespace

H2Session::H2Session(Context& context, Listener& listener, ClientTransport transport,
                     const net::Address& peer, std::uint64_t opened)
    : Client(listener, peer_),
      context_(context),
      transport_(std::move(transport)),
      room_(room_of(listener.rules().listener())),
      codec_(listener.limits(), *this, room_),
      deadline_(*this),
      push_(*this),
      peer_(peer),
      opened_(opened),
      progress_(opened),
      reading_(worth_a_look) {
  transport_->report_to(*this);
  listener_.enter(*this);
  context_.journal.count_http2(1);
  const config::ListenerTerms& config = listener_.rules().listener();
  most_requests_ = with_jitter(config.max_requests, context_.random);
  if (lifetime() > 0) until_ = opened_ + with_jitter(lifetime(), context_.random);
}

std::uint64_t H2Session::lifetime() const {
  return config::microseconds(listener_.rules().listener().max_lifetime);
}

H2Session::~H2Session() {
  codec_.stop();
  while (H2Exchange* exchange = exchanges_.pop_front()) delete exchange;
  context_.net.outbox.forget(*transport_);
  context_.journal.count_http2(-1);
  listener_.count_client(-1);
}

// ---- Reading -----------------------------------------------------------------------------------

void H2Session::start(std::span<char> read) {
  event::About about(context_.net.loop, *this);
  looked_ = 0;
  feed(read);
  pump();
}

void H2Session::pump() {
  more_to_read_ = false;
  bool late = has_had_share();
  for (int steps = 0; phase_ < Phase::Lingering; ++steps) {
    if (steps == most_steps || late) {
      more_to_read_ = true;
      push_soon();
      break;
    }
    const std::span<char> room = context_.net.read_buffer;
    // A large read takes time in the kernel, which counts as well.
    if (looked_ == 0 && reading_ > worth_a_look) looked_ = context_.net.loop.read_clock();
    const net::IoResult result = transport_->read(room.first(std::min(reading_, room.size())));
    if (result.io == net::Io::Again) break;
    if (result.io != net::Io::Done) return die();
    late = feed(room.first(result.bytes));
  }
  // The bytes read may be followed by an error that ends the connection, so requests begin only after all was read.
  send();
  if (!more_to_read_ && phase_ < Phase::Lingering) codec_.tell_held();
  push();
}

// True if it has had its share of the turn.  What a byte costs differs by a factor of a thousand between content
// and requests that are reset at once: one read is as large as the dearest bytes that this client has sent lately
// let it be.
bool H2Session::feed(std::span<char> bytes) {
  sends_much_ = bytes.size() >= worth_a_look;
  if (sends_much_ && looked_ == 0) looked_ = context_.net.loop.read_clock();
  const std::uint64_t begun = looked_;
  codec_.feed(bytes);
  // Bodies that were told point into the buffer.
  context_.net.outbox.release();
  if (!sends_much_) return false;
  const bool late = is_late();
  const std::uint64_t ps_per_byte = (looked_ - begun) * 1'000'000 / bytes.size();
  dearest_ = std::max({dearest_ - dearest_ / 8, ps_per_byte, std::uint64_t{1}});
  reading_ = std::max<std::size_t>(worth_a_look, large_share_us * 1'000'000 / dearest_);
  return late;
}

void H2Session::on_readable() noexcept {
  event::About about(context_.net.loop, *this);
  if (phase_ == Phase::Dead) return;
  if (phase_ == Phase::Lingering) return discard();
  looked_ = 0;
  pump();
}

bool H2Session::is_late() {
  const std::uint64_t now = context_.net.loop.read_clock();
  if (looked_ != 0) share_.spend(context_.net.loop.now(), now - looked_);
  looked_ = now;
  return has_had_share() || context_.is_turn_long(now);
}

bool H2Session::has_had_share() const {
  return share_.spent(context_.net.loop.now()) >= (sends_much_ ? large_share_us : share_us);
}

http::MessageSink* H2Session::sink(http::H2Codec::Message& message, http::StreamId stream) {
  if (phase_ > Phase::Announced) return nullptr;
  auto* exchange = new H2Exchange(context_, *this, message, stream);
  exchanges_.push_back(*exchange);
  ++exchanges_count_;
  ++requests_;
  if (most_requests_ > 0 && requests_ >= most_requests_) announce_end();
  return exchange;
}

void H2Session::on_held(http::MessageSink& sink, RequestHead& head) {
  static_cast<H2Exchange&>(sink).note_head(head);
}

void H2Session::on_refused(http::MessageSink& sink, http::Failure failure) {
  static_cast<H2Exchange&>(sink).refuse(failure);
}

void H2Session::on_sent(http::MessageSink& sink) { static_cast<H2Exchange&>(sink).on_sent(); }

void H2Session::on_closed(http::MessageSink& sink, http::Failure failure) {
  static_cast<H2Exchange&>(sink).on_closed(failure);
}

void H2Session::on_broken(http::Failure) { die(); }

void H2Session::on_abuse(http::H2Abuse kind) {
  context_.journal.count_abuse(kind);
  char text[112];
  log(Level::Warn, "listener ", listener_.identity().name, ": connection of ", peer_.host(text),
      " ended: too many HTTP/2 ", http::name_of(kind));
  sent_away_ = true;
  phase_ = std::max(phase_, Phase::Ending);
  end_all();
  push_soon();
}

void H2Session::on_overrun() {
  context_.journal.count_abuse(http::H2Abuse::Streams);
  char text[112];
  log(Level::Warn, "listener ", listener_.identity().name, ": connection of ", peer_.host(text),
      " may begin no more requests: too many HTTP/2 ", http::name_of(http::H2Abuse::Streams),
      " before it acknowledged their limit");
  end();
}

// ---- Writing -----------------------------------------------------------------------------------

void H2Session::write_through(http::H2Codec::Message& message, std::span<const char> bytes) {
  if (is_clear() && phase_ < Phase::Lingering) {
    codec_.write_through(message, bytes, context_.net.outbox.to(*transport_));
    context_.net.outbox.flush();
  } else {
    codec_.write_body(message, bytes);
  }
  push_soon();
}

// Sends the frames there are, as far as the socket takes them.
void H2Session::send() {
  if (phase_ >= Phase::Lingering) return;
  codec_.forget_sent();
  if (net::send_frames(context_.net, *transport_, codec_))
    sent_ = progress_ = context_.net.loop.now();
  if (transport_->has_failed()) return die();
  if (codec_.is_over()) linger();
}

void H2Session::push() {
  send();
  if (phase_ >= Phase::Lingering) return;
  if (codec_.has_held()) push_soon();
  arm();
}

void H2Session::on_sent() noexcept {
  event::About about(context_.net.loop, *this);
  if (phase_ == Phase::Dead) return;
  sent_ = progress_ = context_.net.loop.now();
  push();
}

void H2Session::on_task() noexcept {
  event::About about(context_.net.loop, *this);
  if (phase_ == Phase::Dead) return;
  if (phase_ == Phase::Lingering) return discard();
  looked_ = 0;
  if (!has_had_share()) codec_.tell_held();
  if (phase_ >= Phase::Lingering) return;
  if (more_to_read_) return pump();
  push();
}

// ---- The end -----------------------------------------------------------------------------------

void H2Session::announce_end() {
  if (phase_ != Phase::Open) return;
  phase_ = Phase::Announced;
  until_ = context_.net.loop.now() + announced_us;
  codec_.announce_end();
  push_soon();
}

void H2Session::on_end_known() {
  if (phase_ == Phase::Announced) end();
}

void H2Session::end() {
  if (phase_ >= Phase::Ending) return;
  phase_ = Phase::Ending;
  until_ = 0;
  codec_.end();
  push_soon();
}

void H2Session::on_ended() {
  --exchanges_count_;
  progress_ = context_.net.loop.now();
}

bool H2Session::close_if_quiet(std::uint64_t) {
  if (phase_ == Phase::Open) announce_end();
  return false;
}

void H2Session::end_all() {
  List<H2Exchange> ending;
  ending.splice_back(exchanges_);
  while (H2Exchange* exchange = ending.pop_front()) {
    exchanges_.push_back(*exchange);
    exchange->abort();
  }
}

void H2Session::expel(bool at_once) {
  if (at_once) return die();
  List<H2Exchange> ending;
  ending.splice_back(exchanges_);
  while (H2Exchange* exchange = ending.pop_front()) {
    exchanges_.push_back(*exchange);
    exchange->expel();
  }
  end();
}

// Closing with unread input would reset the connection and take the last frames with it.
void H2Session::linger() {
  phase_ = Phase::Lingering;
  codec_.stop();
  close_all();
  codec_.close();
  transport_->shut_down();
  progress_ = context_.net.loop.now();
  arm();
  discard();
}

// After GOAWAY for abuse nothing more is read: the client fills its TCP window and waits.
void H2Session::discard() {
  if (sent_away_) return transport_->is_closing() ? die() : transport_->watch();
  switch (net::drop_some(context_.net, *transport_)) {
    case net::Io::Again: return;
    case net::Io::Done: return push_soon();
    default: return die();
  }
}

void H2Session::die() {
  if (phase_ == Phase::Dead) return;
  phase_ = Phase::Dead;
  deadline_.clear();
  codec_.stop();
  Hook::unlink();
  context_.net.outbox.forget(*transport_);
  close_all();
  context_.net.loop.reap(*this);
}

void H2Session::close_all() {
  List<H2Exchange> ending;
  ending.splice_back(exchanges_);
  while (H2Exchange* exchange = ending.pop_front()) {
    exchanges_.push_back(*exchange);
    exchange->on_closed(http::Failure::ClientGone);
  }
}

void H2Session::arm() {
  std::uint64_t at = 0;
  const auto sooner = [&at](std::uint64_t moment) { at = at == 0 ? moment : std::min(at, moment); };
  const ClientTimeouts& timeouts = listener_.timeouts();
  if (phase_ == Phase::Lingering) {
    sooner(progress_ + (sent_away_ ? farewell_us : linger_us));
  } else if (phase_ < Phase::Lingering) {
    if (until_ > 0) sooner(until_);
    if (exchanges_count_ == 0 && timeouts.idle > 0) sooner(progress_ + timeouts.idle);
    if (exchanges_count_ == 0 && !codec_.is_resting()) sooner(progress_ + restless_us);
    if (blocked_socket() && timeouts.send > 0) sooner(stall_.due(sent_, timeouts.send));
  }
  deadline_.set(context_.net.loop, at);
}

void H2Session::on_deadline() noexcept {
  event::About about(context_.net.loop, *this);
  if (phase_ == Phase::Dead) return;
  if (phase_ == Phase::Lingering) return die();
  const std::uint64_t now = context_.net.loop.now();
  const ClientTimeouts& timeouts = listener_.timeouts();
  const auto passed = [&](std::uint64_t limit) { return limit > 0 && now >= progress_ + limit; };
  const net::TcpTransport* blocked = blocked_socket();
  if (blocked && timeouts.send > 0 && stall_.judge(*blocked, sent_, now, timeouts.send))
    return die();
  if (until_ > 0 && now >= until_) {
    if (phase_ == Phase::Announced)
      end();
    else
      announce_end();
  }
  if (exchanges_count_ == 0 && passed(timeouts.idle)) {
    if (phase_ == Phase::Ending) return die();
    end();
  }
  if (exchanges_count_ == 0 && passed(restless_us)) codec_.rest();
  arm();
}

std::uint32_t H2Session::describe(shm::Report& report, std::uint32_t at) const {
  const std::uint64_t now = context_.net.loop.now();
  char host[112];
  const std::string client = std::string(peer_.host(host)) + ":" + std::to_string(peer_.port());
  const auto describe_one = [&](const H2Exchange* exchange) {
    shm::SessionRow* row = report.place(at++);
    if (!row) return;
    *row = {};
    row->listener = listener_.identity().number;
    shm::set_text(row->client, client);
    row->age_us = now - opened_;
    row->requests = requests_;
    row->has_stream = exchange != nullptr;
    if (exchange)
      exchange->describe(*row, now);
    else
      shm::set_text(row->phase, phase_ == Phase::Lingering ? "lingering" : "idle");
  };
  if (exchanges_count_ == 0) describe_one(nullptr);
  exchanges_.for_each([&](H2Exchange& exchange) { describe_one(&exchange); });
  return at;
}

}  // namespace weir::proxy
