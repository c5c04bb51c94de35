// SPDX-License-Identifier: Apache-2.0
#include "upstream/server.h"

#include <weir/log.h>

#include "base/assert.h"
#include "config/units.h"
#include "tls/transport.h"
#include "upstream/server_row.h"

#include <errno.h>

#include <algorithm>

namespace weir::upstream {

namespace {
// The one request of a half-open server may take so long before another may try.
constexpr std::uint64_t claim_seconds = 30;
// Log messages about one server come at most this often.
constexpr std::uint64_t complaint_us = 10'000'000;
}  // namespace

Server::Server(const net::Context& context, const Sharing& sharing, const config::Backend& backend,
               const std::shared_ptr<const tls::ClientContext>& tls, const AnswerLimits& limits,
               std::uint32_t slot, const shm::ServerRow& row)
    : context_(context),
      sharing_(sharing),
      backend_(backend),
      tls_(tls),
      limits_(limits),
      addresses_(row.addresses),
      stable_id_(identity_of(backend.name, row.name)),
      slot_(slot) {
  limit_idle();
  config_.name = row.name;
  config_.at.text = addresses_.text();
  take_row(row);
}

Server::~Server() {
  while (Connection* connection = idle_.pop_front()) delete connection;
  while (Connection* connection = busy_.pop_front()) delete connection;
  while (H2Connection* connection = h2_.connections.pop_front()) delete connection;
}

Pipeline& Server::pipeline() {
  if (!pipeline_) pipeline_ = std::make_unique<Pipeline>(context_, *this);
  return *pipeline_;
}

void Server::take_row(const shm::ServerRow& row) {
  config_.max_in_flight = row.max_in_flight;
  incarnation_ = row.incarnation;
  weight_ = row.weight;
  use_ = row.use;
  is_backup_ = row.backup;
  is_forced_out_ = row.forced_out;
}

void Server::apply(const shm::ServerRow& row) {
  take_row(row);
  bool moved = addresses_.apply(row.addresses);
  if (!identity_.name.empty() && identity_.name != identity_name()) {
    // What was shown to be the one is not shown to be the other.
    identity_ = {};
    addresses_.renumber();
    moved = true;
  }
  if (moved) {
    config_.at.text = addresses_.text();
    leave_addresses();
  }
  if (row.use == shm::Use::Drain || row.use == shm::Use::Down) close_idle();
}

// Idle connections to addresses that are not the server's any more close; busy ones do so when they are done.
void Server::leave_addresses() {
  List<Connection> staying;
  while (Connection* connection = idle_.pop_front()) {
    if (addresses_.contains(connection->address()))
      staying.push_back(*connection);
    else
      connection->die();
  }
  idle_.splice_back(staying);
  h2_.connections.for_each([this](H2Connection& connection) {
    if (!addresses_.contains(connection.address())) connection.leave();
  });
  if (pipeline_) pipeline_->leave_addresses();
}

int Server::dial(net::TcpTransport& tcp, Dial& dial) {
  int error = EADDRNOTAVAIL;
  while (const net::Address* to = addresses_.next(dial, context_.loop.now())) {
    error = tcp.connect(*to, tcp_keepalive());
    const bool is_ours = error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
    if (error == 0 || is_ours) return error;
    note_address_failed(dial, http::traits(connect_failure(error)).name);
  }
  return error;
}

bool Server::may_dial_on(const Dial& dial, http::Failure failure) {
  if (!addresses_.has_many()) return false;
  note_address_failed(dial, http::traits(failure).name);
  return addresses_.left(dial) > 0;
}

void Server::note_address_failed(const Dial& dial, std::string_view why) {
  const net::Address* failed = addresses_.note_failed(dial, context_.loop.now());
  if (failed && addresses_.has_many())
    log(Level::Warn, "server ", backend_.name, "/", config_.name, ": ", failed->text(), ": ", why,
        "; its other addresses come first for ", std::to_string(Addresses::avoid_us / 1'000'000),
        "s");
}

std::uint64_t Server::tcp_keepalive() const {
  static const config::Limits defaults = config::default_limits();
  return config::microseconds(
      config::pick(&config::Limits::tcp_keepalive, backend_.limits, defaults));
}

void Server::limit_idle() {
  idle_most_ = (backend_.keepalive + sharing_.workers - 1) / sharing_.workers;
  while (idle_count_ > idle_most_) idle_.back().die();
  if (pipeline_ && !backend_.pipeline) pipeline_->leave();
}

void Server::forget_terms() {
  identity_ = {};
  h2_.chosen = false;
  close_idle();
}

// A server given by name is who has a certificate for that name, whatever its address.
std::string Server::identity_name() const {
  std::string name;
  if (sharing_.servers)
    if (auto at = config::parse_endpoint(sharing_.servers->columns(slot_).at))
      if (at->kind != config::Endpoint::Kind::Unix) name = at->host;
  char host[112];
  const bool has_ip = !addresses_.empty() && addresses_.front().family() != AF_UNIX;
  if (name.empty() && has_ip) name = addresses_.front().host(host);
  return name;
}

tls::ServerIdentity& Server::identity() {
  if (identity_.name.empty()) identity_.name = identity_name();
  return identity_;
}

bool Server::may_complain() {
  std::uint64_t now = context_.loop.now();
  if (complained_at_ != 0 && now < complained_at_ + complaint_us) return false;
  complained_at_ = now;
  return true;
}

void Server::note_refusal(http::Failure failure) {
  const std::string_view limit = limits_.text_for(failure);
  if (limit.empty() || !may_complain()) return;
  log(Level::Warn, "server ", backend_.name, "/", config_.name, ": answer refused (502): beyond ",
      limit);
}

void Server::note_tls_failure(const tls::Transport& transport) {
  if (!may_complain()) return;
  log(Level::Warn, "server ", backend_.name, "/", config_.name,
      ": TLS: ", transport.failure_text());
}

void Server::retire() {
  WEIR_ASSERT(!retired_);
  retired_ = true;
  use_ = shm::Use::Free;
  close_idle();
  reap_if_unused();
}

void Server::reap_if_unused() {
  if (retired_ && references_ == 0) context_.loop.reap(*this);
}

void Server::close_idle() {
  while (!idle_.empty()) idle_.front().die();
  h2_.connections.for_each([](H2Connection& connection) { connection.leave(); });
  if (pipeline_) pipeline_->leave();
}

bool Server::take_slot() {
  if (config_.max_in_flight > 0) return sharing_.in_flight.try_take(slot_, config_.max_in_flight);
  sharing_.in_flight.add(slot_);
  return true;
}

void Server::want_slot(bool wanted) {
  if (wanted)
    sharing_.in_flight.want(slot_);
  else
    sharing_.in_flight.unwant(slot_);
}

bool Server::claim() {
  return sharing_.outliers.claim(slot_, sharing_.worker, sharing_.incarnation,
                                 context_.loop.now() / 1'000'000, claim_seconds);
}

void Server::tell(shm::NoticeKind kind, std::uint32_t detail) {
  sharing_.notices.notice({kind, slot_, incarnation_, detail});
}

void Server::note_connect(bool connected, bool probe) {
  if (!backend_.outlier) return;
  if (connected) return sharing_.outliers.pass_connect(slot_);
  if (probe) return tell(shm::NoticeKind::ProbeFailed, 0);
  std::uint32_t in_a_row = sharing_.outliers.fail_connect(slot_);
  std::uint32_t limit = backend_.outlier->connect_errors;
  if (limit > 0 && in_a_row >= limit) tell(shm::NoticeKind::ConnectErrors, in_a_row);
}

bool Server::note_head(const ResponseHead& head, bool probe) {
  const std::uint16_t status = head.status;
  if (status == 401 && backend_.pipeline) pipeline().note_challenge(head.headers);
  if (!backend_.outlier) return true;
  const auto& bad = backend_.outlier->statuses;
  if (status >= 500 && std::find(bad.begin(), bad.end(), status) != bad.end()) {
    note_failure(probe);
    return false;
  }
  // An answer may last for hours: a trial does not wait for its end.
  if (probe) tell(shm::NoticeKind::ProbePassed, status);
  return true;
}

void Server::note_whole() {
  if (backend_.outlier) sharing_.outliers.pass_status(slot_);
}

void Server::note_failure(bool probe) {
  if (!backend_.outlier) return;
  if (probe) return tell(shm::NoticeKind::ProbeFailed, 1);
  std::uint32_t in_a_row = sharing_.outliers.fail_status(slot_);
  if (!backend_.outlier->statuses.empty() && in_a_row >= backend_.outlier->status_errors)
    tell(shm::NoticeKind::StatusErrors, in_a_row);
}

bool Server::speaks_h2(bool tunnel) const {
  switch (backend_.protocol) {
    case config::ServerProtocol::Http1: return false;
    case config::ServerProtocol::Http2: return true;
    case config::ServerProtocol::Auto: return tls_ && h2_.chosen && !tunnel;
  }
  return false;
}

ServerSide* Server::take_ready(bool tunnel, const RequestHead* shareable) {
  if (speaks_h2(tunnel)) return take_h2();
  if (shareable && backend_.pipeline)
    if (ServerSide* place = pipeline().take(*shareable)) return place;
  Connection* connection = idle_.pop_front();
  if (!connection) return nullptr;
  WEIR_ASSERT(idle_count_ > 0);
  --idle_count_;
  busy_.push_back(*connection);
  return connection;
}

// The first with room, so that those behind it run empty and end.
H2Call* Server::take_h2() {
  H2Connection* found = nullptr;
  h2_.connections.for_each([&found](H2Connection& connection) {
    if (!found && connection.has_room()) found = &connection;
  });
  return found ? found->begin_call() : nullptr;
}

H2Call* Server::begin_h2(net::TcpTransport& tcp, std::unique_ptr<tls::Transport> tls,
                         const Dial& dial) {
  h2_.chosen = true;
  if (H2Call* call = take_h2()) return call;
  auto* connection = new H2Connection(context_, *this);
  h2_.connections.push_back(*connection);
  connection->take_over(tcp, std::move(tls), dial);
  return connection->begin_call();
}

bool Server::keeps_idle(const H2Connection& kept) {
  const bool over = use_ == shm::Use::Drain || use_ == shm::Use::Down || retired_;
  if (over || !speaks_h2(false)) return false;
  std::uint32_t idle = 0;
  h2_.connections.for_each(
      [&](H2Connection& other) { idle += &other != &kept && other.is_idle(); });
  return idle < idle_most_;
}

std::size_t Server::shed_idle(std::size_t most) {
  std::size_t count = 0;
  // At once, not at the end of the turn: somebody waits for the descriptor.
  for (; count < most && !idle_.empty(); ++count, --idle_count_) {
    Connection* last = &idle_.back();
    static_cast<Hook&>(*last).unlink();
    delete last;
  }
  List<H2Connection> kept;
  while (H2Connection* connection = h2_.connections.pop_front()) {
    if (count < most && connection->may_be_shed()) {
      delete connection;
      ++count;
    } else {
      kept.push_back(*connection);
    }
  }
  h2_.connections.splice_back(kept);
  if (pipeline_) count += pipeline_->shed_idle(most - count);
  return count;
}

ServerSide* Server::connect(int& error, bool tunnel) {
  if (speaks_h2(tunnel)) {
    auto shared = std::make_unique<H2Connection>(context_, *this);
    error = shared->start();
    if (error != 0) return nullptr;
    h2_.connections.push_back(*shared);
    return shared.release()->begin_call();
  }
  auto connection = std::make_unique<Connection>(context_, *this);
  error = connection->start(tunnel);
  if (error != 0) return nullptr;
  busy_.push_back(*connection);
  return connection.release();
}

void Server::give_idle(Connection& connection) {
  if (backend_.pipeline) pipeline().note_answer();
  static_cast<Hook&>(connection).unlink();
  idle_.push_front(connection);
  ++idle_count_;
  bool over = use_ == shm::Use::Drain || use_ == shm::Use::Down || retired_;
  if (over || idle_count_ > idle_most_) idle_.back().die();
}

}  // namespace weir::upstream
