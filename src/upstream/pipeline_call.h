// SPDX-License-Identifier: Apache-2.0
//
// PipelineCall: one request and its answer on a PipelineConnection: the place of a Connection in the eyes of its user.
//
// Its place in the line stays when its user has gone, since its answer comes all the same.  When its user does not take the
// answer as it comes, a little of it waits here, so that others need not.
#pragma once

#include "base/buffer.h"
#include "base/list.h"
#include "base/pooled.h"
#include "net/feed.h"
#include "upstream/server_side.h"

namespace weir::upstream {

class PipelineConnection;

class PipelineCall final : public Pooled<PipelineCall>,
                           public Hook,
                           public event::Reaped,
                           public ServerSide,
                           public http::MessageSink,
                           private event::TaskEvents {
 public:
  explicit PipelineCall(PipelineConnection& connection);

  const event::Subject* subject() const { return user_ ? user_->subject() : nullptr; }
  Method method() const { return method_; }
  /// When its request was written.
  std::uint64_t written_at() const { return written_at_; }
  /// The head of its answer has come.
  bool has_begun() const { return phase_ >= Phase::Reading; }
  /// Something of its answer has.
  bool is_arriving() const { return is_arriving_; }
  void note_arrival(std::uint64_t now) { is_arriving_ = true, progress_ = now; }
  /// So much of its answer was announced or has come that others should not wait behind it.
  bool is_long() const { return is_long_; }
  /// When it has waited for the server for too long; 0 = never.
  std::uint64_t due() const;
  void note_progress(std::uint64_t now) { progress_ = now; }
  /// That time has come.  False if it is its user who does not take the answer.
  bool may_time_out() const { return !user_ || (spilled_.empty() && user_->wants_body()); }
  http::Failure timeout() const;
  /// The connection is not its any more.  None: because of others, or the server did not say why.
  void on_lost(http::Failure failure);

  // For its user.
  void lease(ConnectionUser& user, const ServerTimeouts& timeouts) override;
  bool is_connecting() const override { return false; }
  std::uint32_t address() const override { return address_; }
  bool is_reused() const override { return true; }
  void write_request(const RequestHead& head, const http::WriteOptions& options) override;
  void write_body(std::span<const char> bytes) override;
  void write_end(const Headers&) override {}
  void note_sent() override {}
  bool has_room() const override { return true; }
  void resume() override;
  void give_back(bool reusable) override;
  net::Wire wire() override { return {}; }
  void become_raw() override;
  void note_progress() override {}

  // For the codec: the answer.
  Arena& arena() override;
  void on_head(MessageHead& head) override;
  bool wants_body() const override;
  void on_body(std::span<const char> bytes) override;
  void on_end(const Headers& trailers) override;

 private:
  enum class Phase : std::uint8_t { Leased, Awaiting, Reading, Over, Dead };

  void on_task() noexcept override;
  void take_head(ResponseHead& head);
  void deliver();
  void die();

  const net::Context& context_;
  const std::uint32_t address_;
  PipelineConnection* connection_;  ///< null when its answer has come whole, or will not come
  ConnectionUser* user_ = nullptr;  ///< null when nobody wants the answer any more
  ServerTimeouts timeouts_{};
  event::Task soon_;
  Buffer spilled_;  ///< of the answer
  Headers trailers_;
  std::uint64_t written_at_ = 0, progress_ = 0;
  std::uint64_t received_ = 0;  ///< bytes of content
  Method method_ = Method::Other;
  Phase phase_ = Phase::Leased;
  bool is_arriving_ = false;
  bool is_long_ = false;
};

}  // namespace weir::upstream
