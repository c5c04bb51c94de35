// SPDX-License-Identifier: Apache-2.0
//
// H2Exchange: one request of an HTTP/2 client and its answer: the place of a Session in the eyes of the
// Stream that runs on it.  It keeps the time limits that concern this request alone; its bytes go through
// the H2Session that it shares with others.
#pragma once

#include "base/pooled.h"
#include "event/deadline.h"
#include "http/h2_codec.h"
#include "proxy/client_side.h"
#include "proxy/stream.h"

namespace weir::proxy {

class H2Session;

class H2Exchange final : public Pooled<H2Exchange>,
                         public Hook,
                         public event::Reaped,
                         public ClientSide,
                         public http::MessageSink,
                         private event::DeadlineEvents,
                         private event::TaskEvents {
 public:
  /// `message`, on stream `id`, is its own until the codec or it has ended that.
  H2Exchange(Context& context, H2Session& session, http::H2Codec::Message& message,
             http::StreamId id);

  /// The request's head, which may have to wait before on_head; for the log, and filters, if that never comes.
  void note_head(RequestHead& head) {
    if (phase_ == Phase::Head) stream_.on_refused_head(head);
  }
  /// The request is well-formed, but cannot be served.
  void refuse(http::Failure failure);
  /// Some of the answer has left.
  void on_sent();
  /// It is over, and the codec has forgotten it: http::H2Events::on_closed.
  void on_closed(http::Failure failure);
  /// Ends it, with an answer if none has begun.
  void expel();
  /// The connection is gone.
  void die();
  void describe(shm::SessionRow& row, std::uint64_t now) const { stream_.describe(row, now); }

  const tls::Transport* tls() const override;

  // For the codec: the request.
  Arena& arena() override { return stream_.arena(); }
  void on_head(MessageHead& head) override;
  void on_refused_head(RequestHead& head) override { note_head(head); }
  bool wants_body() const override;
  void on_body(std::span<const char> bytes) override;
  void on_end(const Headers& trailers) override;

  // For the stream.
  const Stream* stream() const override { return &stream_; }
  void resume() override;
  std::size_t write_head(const ResponseHead& head, const http::WriteOptions& options) override;
  std::size_t write_body(std::span<const char> bytes) override;
  std::size_t write_end(const Headers& trailers) override;
  bool take_back() override;
  bool has_room() const override;
  bool leaves_at_once() const override;
  net::Wire wire() override { return {}; }
  void finish(bool keep) override;
  void abort() override;
  void become_raw() override;
  void note_progress() override;
  void set_timeouts(const ClientTimeouts& timeouts) override { timeouts_ = &timeouts; }
  std::uint64_t lifetime_end() const override;
  bool may_keep() const override { return true; }

 private:
  enum class Phase : std::uint8_t { Head, Request, Raw, Ending, Dead };

  void on_deadline() noexcept override;
  void on_task() noexcept override;
  std::size_t queued() const;
  bool waits_for_body() const;
  bool is_upgrading() const;
  std::uint64_t request_limit() const;
  std::uint64_t send_due();
  bool is_stalled(std::uint64_t now);
  void arm();

  Context& context_;
  H2Session& session_;
  http::H2Codec::Message* message_;  ///< null when the codec knows nothing of it any more
  const ClientTimeouts* timeouts_;
  event::Deadline deadline_;
  event::Task soon_;
  std::uint64_t begun_, progress_;
  std::uint64_t call_limit_ =
      0;  ///< what a gRPC client is ready to wait, in microseconds; 0 = for ever
  Phase phase_ = Phase::Head;
  bool is_sending_ = false;  ///< bytes of the answer waited when this was last looked at
  Stream stream_;
};

}  // namespace weir::proxy
