// SPDX-License-Identifier: Apache-2.0
#include "upstream/pipeline_call.h"

#include "base/assert.h"
#include "upstream/pipeline.h"

#include <utility>

namespace weir::upstream {

namespace {

// So much of an answer waits for its client, in bytes, until the connection is left to it.
constexpr std::size_t most_spilled = 64 * 1024;

}  // namespace

PipelineCall::PipelineCall(PipelineConnection& connection)
    : context_(connection.pipeline().context()),
      address_(connection.address()),
      connection_(&connection),
      soon_(*this) {}

void PipelineCall::lease(ConnectionUser& user, const ServerTimeouts& timeouts) {
  WEIR_ASSERT(!user_ && phase_ == Phase::Leased);
  user_ = &user;
  timeouts_ = timeouts;
}

std::uint64_t PipelineCall::due() const {
  const std::uint64_t limit = is_arriving_ ? timeouts_.read : timeouts_.first_byte;
  return limit == 0 ? 0 : (is_arriving_ ? progress_ : written_at_) + limit;
}

http::Failure PipelineCall::timeout() const {
  return is_arriving_ ? http::Failure::ReadTimeout : http::Failure::FirstByteTimeout;
}

// ---- The request -------------------------------------------------------------------------------

void PipelineCall::write_request(const RequestHead& head, const http::WriteOptions& options) {
  WEIR_ASSERT(user_ && phase_ == Phase::Leased && options.framing.end == BodyEnd::None);
  method_ = head.method;
  phase_ = Phase::Awaiting;
  written_at_ = context_.loop.now();
  Gather& out = connection_->begin_request(*this, timeouts_);
  out.commit(http::write_request(out.reserve(http::request_size(head)), head, options));
}

// Requests with a body, and those that want to switch protocols, have connections of their own.
void PipelineCall::write_body(std::span<const char> bytes) { WEIR_ASSERT(bytes.empty()); }
void PipelineCall::become_raw() { WEIR_ASSERT(!connection_); }

// ---- The answer --------------------------------------------------------------------------------

Arena& PipelineCall::arena() { return user_ ? user_->arena() : connection_->pipeline().scratch(); }

void PipelineCall::on_head(MessageHead& head) {
  event::About about(context_.loop, subject());
  auto& response = static_cast<ResponseHead&>(head);
  if (response.status == 100 || response.status == 101)
    return connection_->fault("it goes on, or switches protocols, although nobody asked it to");
  if (!response.is_interim()) return take_head(response);
  if (user_) user_->on_head(head);
}

void PipelineCall::take_head(ResponseHead& head) {
  phase_ = Phase::Reading;
  const Framing& framing = head.framing;
  is_long_ =
      framing.end == BodyEnd::Length && framing.length > connection_->pipeline().terms().body;
  if (!head.keep_alive || framing.end == BodyEnd::Close) connection_->leave_to_first();
  if (user_) return user_->on_head(head);
  if (is_long_) connection_->abandon();
}

bool PipelineCall::wants_body() const {
  if (!user_ || !connection_->is_left_to_first()) return true;
  return spilled_.empty() && user_->wants_body();
}

void PipelineCall::on_body(std::span<const char> bytes) {
  event::About about(context_.loop, subject());
  received_ += bytes.size();
  if (received_ > connection_->pipeline().terms().body) is_long_ = true;
  if (!user_) {
    if (is_long_) connection_->abandon();
    return;
  }
  if (spilled_.empty() && user_->wants_body()) return user_->on_body(bytes);
  spilled_.append(bytes.data(), bytes.size());
  if (spilled_.size() > most_spilled) connection_->leave_to_first();
}

void PipelineCall::on_end(const Headers& trailers) {
  event::About about(context_.loop, subject());
  phase_ = Phase::Over;
  if (!user_) connection_->pipeline().scratch().reset();
  std::exchange(connection_, nullptr)->on_answered(*this);
  if (!user_) return die();
  if (spilled_.empty()) return user_->on_end(trailers);
  trailers_.assign(user_->arena(), trailers.fields());
}

void PipelineCall::resume() {
  if (phase_ != Phase::Dead) context_.loop.post(soon_);
}

void PipelineCall::on_task() noexcept {
  event::About about(context_.loop, subject());
  deliver();
  if (user_ && connection_ && connection_->is_left_to_first()) connection_->pump();
}

void PipelineCall::deliver() {
  if (spilled_.empty()) return;
  while (user_ && !spilled_.empty() && user_->wants_body()) {
    iovec piece;
    spilled_.peek(&piece, 1);
    user_->on_body({static_cast<const char*>(piece.iov_base), piece.iov_len});
    context_.outbox.flush();
    spilled_.consume(piece.iov_len);
  }
  if (user_ && spilled_.empty() && phase_ == Phase::Over) user_->on_end(trailers_);
}

// ---- The end -----------------------------------------------------------------------------------

// What was asked is answered: the answer is still read, for the sake of those behind it, unless that is dearer than to
// do without the connection.
void PipelineCall::give_back(bool) {
  if (phase_ == Phase::Dead) return;
  user_ = nullptr;
  if (phase_ == Phase::Leased || phase_ == Phase::Over) return die();
  if (is_long_ || connection_->is_left_to_first()) connection_->abandon();
}

void PipelineCall::on_lost(http::Failure failure) {
  if (failure == http::Failure::None)
    failure = has_begun() ? http::Failure::ResponseTruncated : http::Failure::PipelineLost;
  event::About about(context_.loop, subject());
  ConnectionUser* const user = std::exchange(user_, nullptr);
  if (user && failure == http::Failure::PipelineLost)
    connection_->pipeline().count(shm::SharedCount::Moved);
  die();
  if (user) user->on_failed(failure);
}

void PipelineCall::die() {
  phase_ = Phase::Dead;
  soon_.unlink();
  Hook::unlink();
  context_.loop.reap(*this);
}

}  // namespace weir::upstream
