// SPDX-License-Identifier: Apache-2.0
//
// Session: one client connection: its transport, its codec, and the Stream that is running on it.
// HTTP/1 has one at a time; pipelined requests wait in the inbox and are answered in order.
//
// An idle session holds no buffer and no stream, only itself.  If its client turns out to speak HTTP/2, an
// H2Session takes its place before the first request.
#pragma once

#include "base/pooled.h"
#include "event/deadline.h"
#include "http/h1_codec.h"
#include "net/feed.h"
#include "net/tcp.h"
#include "proxy/client_connection.h"
#include "proxy/client_side.h"
#include "tls/transport.h"

#include <memory>

namespace weir::proxy {

class Session final : public Pooled<Session>,
                      public ClientConnection,
                      public ClientSide,
                      private net::TransportEvents,
                      private http::H1Events,
                      private event::DeadlineEvents,
                      private event::TaskEvents {
 public:
  /// `tls`: the client is to begin with a handshake, by the listener's present rules.
  Session(Context& context, Listener& listener, int fd, const net::Address& peer, bool tls);
  ~Session() override;

  /// Tries to read at once: with deferred accept the request is already there.
  void start();

  // For the stream.
  const Stream* stream() const override { return stream_.get(); }
  void resume() override;
  std::size_t write_head(const ResponseHead& head, const http::WriteOptions& options) override;
  std::size_t write_body(std::span<const char> bytes) override;
  std::size_t write_end(const Headers& trailers) override;
  bool take_back() override;
  bool has_room() const override { return transport().queued() == 0; }
  bool leaves_at_once() const override { return transport().queued() == 0; }
  net::Wire wire() override { return {&transport(), &codec_, &inbox_}; }
  void finish(bool keep) override;
  void abort() override;
  void become_raw() override;
  void note_progress() override;
  void set_timeouts(const ClientTimeouts& timeouts) override;
  std::uint64_t lifetime_end() const override;
  bool may_keep() const override;
  const tls::Transport* tls() const override { return tls_.get(); }

  // For the listener.
  bool is_idle() const override { return phase_ == Phase::Idle && inbox_.empty(); }
  bool is_lingering() const override { return phase_ == Phase::Lingering; }
  bool close_if_quiet(std::uint64_t now) override;
  void expel(bool at_once) override;
  std::uint32_t describe(shm::Report& report, std::uint32_t at) const override;

 private:
  static constexpr int most_steps = 8;  ///< in one turn, before others get their share

  enum class Phase : std::uint8_t { Idle, Head, Request, Ending, Raw, Lingering, HandedOver, Dead };

  void on_readable() noexcept override;
  void on_sent() noexcept override;
  void on_deadline() noexcept override;
  void on_task() noexcept override;

  void on_begin() override;
  bool on_preface() override;
  http::MessageSink* sink() override;
  void on_broken(http::Failure failure) override;

  net::Transport& transport() { return tls_ ? static_cast<net::Transport&>(*tls_) : tcp_; }
  const net::Transport& transport() const {
    return tls_ ? static_cast<const net::Transport&>(*tls_) : tcp_;
  }
  Gather& out() { return context_.net.outbox.to(transport()); }
  std::size_t note_written(std::size_t bytes);
  bool wants_input() const;
  bool has_client_left();
  void lose_client();
  void pump();
  void go_on();
  net::IoResult step();
  net::IoResult greet();
  void log_failed_handshake() const;
  bool is_greeting() const { return tls_ && !tls_->is_established(); }
  void ended(net::Io how);
  void hand_over();
  void settle();
  void linger();
  void discard();
  void die();
  void arm();
  std::uint64_t look_at();
  Stream& open_stream();

  Context& context_;
  net::TcpTransport tcp_;
  std::unique_ptr<tls::Transport> tls_;
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
  std::uint32_t written_ = 0;  ///< bytes of the present answer; stops at its largest value
  Phase phase_ = Phase::Idle;
  bool pumping_ : 1 = false;
  bool keep_ : 1 = false;
  bool handed_over_ : 1 = false;
  bool has_left_ : 1 = false;  ///< the client, which is to be said to the stream
};

}  // namespace weir::proxy
