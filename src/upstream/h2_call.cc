// SPDX-License-Identifier: Apache-2.0
#include "upstream/h2_call.h"

#include "base/assert.h"
#include "http/websocket.h"
#include "upstream/h2_connection.h"

#include <string>
#include <utility>

namespace weir::upstream {

namespace {

// So much of a request is kept while its server does not take it; more is left with the client.
constexpr std::size_t most_unsent = 64 * 1024;

}  // namespace

H2Call::H2Call(H2Connection& connection)
    : connection_(connection), deadline_(*this), soon_(*this), reused_(connection.has_served()) {}

std::uint32_t H2Call::address() const { return connection_.address(); }

void H2Call::arm(std::uint64_t limit) {
  event::Loop& loop = connection_.context().loop;
  deadline_.set(loop, limit == 0 ? 0 : loop.now() + limit);
}

bool H2Call::wants_tunnel() const { return user_ && user_->request().wants_upgrade; }

void H2Call::lease(ConnectionUser& user, const ServerTimeouts& timeouts) {
  WEIR_ASSERT(!user_ && phase_ == Phase::Waiting);
  user_ = &user;
  timeouts_ = timeouts;
  connection_.note_call(timeouts);
  phase_ = connection_.can_begin(*this) ? Phase::Sending : Phase::Waiting;
  if (phase_ == Phase::Waiting) arm(timeouts_.connect);
}

void H2Call::on_open() {
  if (phase_ != Phase::Waiting || !connection_.can_begin(*this)) return;
  event::About about(connection_.context().loop, subject());
  const bool is_extended = wants_tunnel() && user_->request().method != Method::Connect;
  if (is_extended && !connection_.codec().takes_tunnels())
    return fail(http::Failure::UpgradeUnknown);
  phase_ = Phase::Sending;
  deadline_.clear();
  user_->on_connected(*this);
}

// ---- The request -------------------------------------------------------------------------------

void H2Call::write_request(const RequestHead& head, const http::WriteOptions& options) {
  WEIR_ASSERT(user_ && !message_);
  phase_ = Phase::Sending;
  message_ = connection_.codec().open(head, options, connection_.scheme(), *this);
  connection_.push_soon();
  if (message_) return;
  // Not from inside the user's own call.
  connection_.leave();
  doomed_ = http::Failure::StreamRefused;
  arm(1);
}

void H2Call::write_body(std::span<const char> bytes) {
  if (!message_) return;
  const bool was_empty = !has_unsent();
  connection_.codec().write_body(*message_, bytes);
  connection_.push_soon();
  // The server's time begins with the first bytes that it does not take.
  if (phase_ == Phase::Sending && was_empty) note_sent();
}

void H2Call::note_sent() {
  sent_at_ = connection_.context().loop.now();
  if (timeouts_.send > 0) arm(timeouts_.send / 8);
}

void H2Call::write_end(const Headers& trailers) {
  if (!message_) return;
  // Before a tunnel stands only its request is complete.
  if (!wants_tunnel() || phase_ == Phase::Raw) connection_.codec().write_end(*message_, trailers);
  connection_.push_soon();
  if (phase_ != Phase::Sending) return;
  phase_ = Phase::Awaiting;
  // Without a body all of it leaves at once, or waits for its connection, which has a limit of its own.
  if (has_unsent() && timeouts_.send > 0) return note_sent();
  sent_at_ = connection_.context().loop.now();
  arm(timeouts_.first_byte);
}

bool H2Call::has_unsent() const { return message_ && http::H2ClientCodec::queued(*message_) > 0; }

bool H2Call::has_room() const {
  return message_ && http::H2ClientCodec::queued(*message_) < most_unsent;
}

void H2Call::on_sent() {
  event::About about(connection_.context().loop, subject());
  if (phase_ == Phase::Sending || phase_ == Phase::Awaiting) {
    note_sent();
    if (phase_ == Phase::Awaiting && !has_unsent()) arm(timeouts_.first_byte);
  }
  if (user_) user_->on_sent();
}

// ---- The answer --------------------------------------------------------------------------------

void H2Call::on_head(MessageHead& head) {
  event::About about(connection_.context().loop, subject());
  auto& response = static_cast<ResponseHead&>(head);
  connection_.note_answer();
  if (!response.is_interim() || phase_ == Phase::Awaiting) {
    phase_ = Phase::Reading;
    arm(timeouts_.read);
  }
  const bool is_tunnel = wants_tunnel() && user_->request().method != Method::Connect;
  if (is_tunnel && response.status / 100 == 2) open_tunnel(response);
  user_->on_head(head);
}

void H2Call::open_tunnel(ResponseHead& head) {
  Arena& arena = user_->arena();
  head.status = 101;
  head.framing = {};
  head.headers.set(arena, "Upgrade", user_->request().headers.get(FieldName::Upgrade));
  head.headers.remove("sec-websocket-accept");
  if (const Field* key = user_->request().headers.find("sec-websocket-key"))
    head.headers.add(arena, "Sec-WebSocket-Accept", arena.copy(http::websocket_accept(key->value)));
}

void H2Call::on_body(std::span<const char> bytes) {
  event::About about(connection_.context().loop, subject());
  connection_.note_answer();
  note_progress();
  user_->on_body(bytes);
}

void H2Call::on_end(const Headers& trailers) {
  event::About about(connection_.context().loop, subject());
  user_->on_end(trailers);
}

void H2Call::resume() {
  if (message_) connection_.context().loop.post(soon_);
}

void H2Call::on_task() noexcept {
  event::About about(connection_.context().loop, subject());
  if (!message_) return;
  connection_.codec().resume(*message_);
  connection_.push_soon();
}

void H2Call::become_raw() {
  phase_ = Phase::Raw;
  deadline_.clear();
}

void H2Call::note_progress() {
  if (phase_ == Phase::Reading) arm(timeouts_.read);
}

// ---- The end -----------------------------------------------------------------------------------

void H2Call::give_back(bool) {
  if (phase_ == Phase::Dead) return;
  user_ = nullptr;
  die();
}

void H2Call::on_closed(http::Failure failure) {
  event::About about(connection_.context().loop, subject());
  message_ = nullptr;
  const bool begun = phase_ == Phase::Reading || phase_ == Phase::Raw;
  const bool is_cut =
      failure == http::Failure::ServerClosed || failure == http::Failure::ServerReset;
  fail(begun && is_cut ? http::Failure::ResponseTruncated : failure);
}

void H2Call::fail(http::Failure failure) {
  ConnectionUser* user = std::exchange(user_, nullptr);
  die();
  if (user) user->on_failed(failure);
}

void H2Call::die() {
  if (phase_ == Phase::Dead) return;
  phase_ = Phase::Dead;
  deadline_.clear();
  soon_.unlink();
  if (message_) {
    connection_.codec().close(*std::exchange(message_, nullptr));
    connection_.push_soon();
  }
  Hook::unlink();
  connection_.on_call_ended();
  connection_.context().loop.reap(*this);
}

// Its bytes wait for the socket, which all calls share, or for the window of its stream or of all streams.
void H2Call::check_sending() {
  event::Loop& loop = connection_.context().loop;
  const std::uint64_t now = loop.now(), limit = timeouts_.send;
  if (limit > 0 && has_unsent()) {
    const net::TcpTransport* blocked = connection_.blocked_socket();
    const bool stalled =
        blocked ? stall_.judge(*blocked, sent_at_, now, limit) : now >= sent_at_ + limit;
    if (stalled) return fail(http::Failure::ServerSendTimeout);
    return deadline_.set(loop, blocked ? stall_.due(sent_at_, limit) : sent_at_ + limit);
  }
  if (phase_ != Phase::Awaiting || timeouts_.first_byte == 0) return;
  if (now >= sent_at_ + timeouts_.first_byte) return fail(http::Failure::FirstByteTimeout);
  deadline_.set(loop, sent_at_ + timeouts_.first_byte);
}

void H2Call::on_deadline() noexcept {
  event::About about(connection_.context().loop, subject());
  if (doomed_ != http::Failure::None) return fail(doomed_);
  switch (phase_) {
    case Phase::Waiting: return fail(http::Failure::ConnectTimeout);
    case Phase::Sending:
    case Phase::Awaiting: return check_sending();
    case Phase::Reading:
      // While the client does not take what we have, the server is not to blame.
      if (user_ && !user_->wants_body()) return arm(timeouts_.read);
      return fail(http::Failure::ReadTimeout);
    case Phase::Raw:
    case Phase::Dead: return;
  }
}

}  // namespace weir::upstream
