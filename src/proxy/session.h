// SPDX-License-Identifier: Apache-2.0
//
// Session: one client connection: its transport, its codec, and the Stream that is running on it.
// HTTP/1 has one at a time; pipelined requests wait in the inbox and are answered in order.
//
// An idle session holds no buffer and no stream, only itself.
#pragma once

#include "base/pooled.h"
#include "event/deadline.h"
#include "http/h1_codec.h"
#include "net/feed.h"
#include "net/tcp.h"
#include "proxy/listener.h"
#include "shm/report.h"

#include <memory>

namespace weir::proxy {

class Stream;

class Session final : public Pooled<Session>,
                      public Hook,
                      public event::Reaped,
                      public event::Subject,
                      private net::TransportEvents,
                      private http::CodecEvents,
                      private event::DeadlineEvents,
                      private event::TaskEvents {
 public:
  Session(Context& context, Listener& listener, int fd, const net::Address& peer);
  ~Session() override;

  /// Tries to read at once: with deferred accept the request is already there.
  void start();

  Listener& listener() { return listener_; }
  const Listener& listener() const { return listener_; }
  /// The present request; null between two.
  const Stream* stream() const { return stream_.get(); }
  const net::Address& peer() const { return peer_; }
  net::Transport& transport() { return transport_; }
  http::Codec& codec() { return codec_; }
  Inbox& inbox() { return inbox_; }
  Gather& out() { return context_.net.outbox.to(transport_); }
  bool is_dead() const { return phase_ == Phase::Dead; }

  /// The stream wants the rest of the request's body.
  void resume();
  /// The stream has said everything it has to say; it ends when that has left.  `keep` allows
  /// another request on this connection.
  void finish(bool keep);
  /// Ends the connection at once, so that the client cannot take its answer for complete.
  void abort();
  /// The stream reads and writes the transport itself from now on.
  void become_raw();
  /// Bytes went one way or the other without the session's doing.
  void note_progress();
  /// The limits of the route hold from now on.
  void set_timeouts(const ClientTimeouts& timeouts);

  /// May the present request be followed by another one?
  bool may_keep() const;

  /// Between two requests, or before the first.
  bool is_idle() const { return phase_ == Phase::Idle && inbox_.empty(); }
  /// Has said and heard all, and waits only for its client to close.
  bool is_lingering() const { return phase_ == Phase::Lingering; }
  /// Closes it if it is idle and has been for so long that hardly a request is on its way.
  bool close_if_quiet(std::uint64_t now);
  /// Ends it whatever it does: with an answer, a tunnel cleanly; or `at_once`.
  void expel(bool at_once);

  /// Writes down what it is doing.
  void describe(shm::SessionRow& row) const;

 private:
  enum class Phase : std::uint8_t { Idle, Head, Request, Ending, Raw, Lingering, Dead };

  void on_readable() noexcept override;
  void on_sent() noexcept override;
  void on_deadline() noexcept override;
  void on_task() noexcept override;

  void on_begin(http::StreamId) override;
  http::MessageSink* sink(http::StreamId) override;
  Method request_method(http::StreamId) override { return Method::Other; }
  void on_broken(http::StreamId, http::Failure failure) override;

  bool wants_input() const;
  void pump();
  net::IoResult step();
  void ended(net::Io how);
  void settle();
  void linger();
  void discard();
  void die();
  void arm();
  std::uint64_t lifetime_end() const;
  void end_tunnel();
  Stream& open_stream();

  Context& context_;
  Listener& listener_;
  net::TcpTransport transport_;
  http::H1Codec codec_;
  Inbox inbox_;
  event::Deadline deadline_;
  event::Task again_;
  std::unique_ptr<Stream> stream_;
  const ClientTimeouts* timeouts_;
  net::Address peer_;
  std::uint64_t opened_ = 0;    ///< when the client was accepted
  std::uint64_t begun_ = 0;     ///< first byte of the present request
  std::uint64_t progress_ = 0;  ///< last byte in or out that counts as progress
  std::uint32_t requests_ = 0;
  Phase phase_ = Phase::Idle;
  bool pumping_ = false;
  bool keep_ = false;
  bool leaving_tunnel_ = false;  ///< both sides have been told that it ends
};

}  // namespace weir::proxy
