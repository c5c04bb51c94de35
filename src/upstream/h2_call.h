// SPDX-License-Identifier: Apache-2.0
//
// H2Call: one request and its answer on an H2Connection: the place of a Connection in the eyes of its user.
// It keeps the time limits that concern this request alone.
//
// A tunnel (RFC 8441) is asked for as HTTP/1.1 would ask, and accepted as HTTP/1.1 would accept it: by 101
// and the proof that the key was read.
#pragma once

#include "base/list.h"
#include "base/pooled.h"
#include "event/deadline.h"
#include "http/h2_codec_client.h"
#include "net/send_stall.h"
#include "upstream/server_side.h"

namespace weir::upstream {

class H2Connection;

class H2Call final : public Pooled<H2Call>,
                     public Hook,
                     public event::Reaped,
                     public ServerSide,
                     public http::MessageSink,
                     private event::DeadlineEvents,
                     private event::TaskEvents {
 public:
  explicit H2Call(H2Connection& connection);

  /// The connection can take its request now, or never will.
  void on_open();
  void on_sent();
  /// It is over, and the codec has forgotten it.
  void on_closed(http::Failure failure);
  /// The request asks for a tunnel.
  bool wants_tunnel() const;
  bool is_waiting() const { return phase_ == Phase::Waiting; }
  const event::Subject* subject() const { return user_ ? user_->subject() : nullptr; }

  // For its user.
  void lease(ConnectionUser& user, const ServerTimeouts& timeouts) override;
  bool is_connecting() const override { return phase_ == Phase::Waiting; }
  std::uint32_t address() const override;
  bool is_reused() const override { return reused_; }
  void write_request(const RequestHead& head, const http::WriteOptions& options) override;
  void write_body(std::span<const char> bytes) override;
  void write_end(const Headers& trailers) override;
  void note_sent() override;
  bool has_room() const override;
  void resume() override;
  void give_back(bool reusable) override;
  net::Wire wire() override { return {}; }
  void become_raw() override;
  void note_progress() override;

  // For the codec: the answer.
  Arena& arena() override { return user_->arena(); }
  void on_head(MessageHead& head) override;
  bool wants_body() const override { return user_ && user_->wants_body(); }
  void on_body(std::span<const char> bytes) override;
  void on_end(const Headers& trailers) override;

 private:
  enum class Phase : std::uint8_t { Waiting, Sending, Awaiting, Reading, Raw, Dead };

  void on_deadline() noexcept override;
  void on_task() noexcept override;
  void arm(std::uint64_t limit);
  bool has_unsent() const;
  void check_sending();
  void open_tunnel(ResponseHead& head);
  void fail(http::Failure failure);
  void die();

  H2Connection& connection_;
  http::H2ClientCodec::Message* message_ = nullptr;
  ConnectionUser* user_ = nullptr;
  event::Deadline deadline_;
  event::Task soon_;
  ServerTimeouts timeouts_{};
  net::SendStall stall_;
  std::uint64_t sent_at_ = 0;  ///< when bytes of the request left last
  Phase phase_ = Phase::Waiting;
  http::Failure doomed_ = http::Failure::None;  ///< told at the next deadline
  bool reused_ = false;
};

}  // namespace weir::upstream
