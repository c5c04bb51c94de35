// SPDX-License-Identifier: Apache-2.0
//
// H2Session: one client connection that speaks HTTP/2: its transport, its codec, and the H2Exchanges that
// are running on it.  Whatever they write in a turn leaves at its end in one write; while the socket takes
// no more, answers wait with their exchanges, up to a limit each, and then with their servers.
//
// It ends in two steps (RFC 9113 §6.8): the client is told to begin nothing new, and what was on its way
// then is still served.
#pragma once

#include "base/pooled.h"
#include "event/deadline.h"
#include "http/h2_codec.h"
#include "proxy/client_connection.h"
#include "proxy/client_side.h"
#include "proxy/client_transport.h"
#include "proxy/share.h"

#include <memory>

namespace weir::proxy {

class H2Exchange;

class H2Session final : public Pooled<H2Session>,
                        public ClientConnection,
                        public Client,
                        private net::TransportEvents,
                        private http::H2Events,
                        private event::DeadlineEvents,
                        private event::TaskEvents {
 public:
  /// Takes the place of who has counted the client (Listener::count_client) and owned the transport.
  H2Session(Context& context, Listener& listener, ClientTransport transport,
            const net::Address& peer, std::uint64_t opened);
  ~H2Session() override;

  /// Understands what was read before, and what else there is.
  void start(std::span<char> read);

  const tls::Transport* tls() const override { return transport_.tls(); }
  http::H2Codec& codec() { return codec_; }
  const http::H2Room& room() const { return room_; }
  /// There are frames to be made at the end of this turn.
  void push_soon() { context_.net.loop.post(push_); }
  /// As H2Codec::write_through, as far as the socket takes it: what `bytes` points at may change then.
  void write_through(http::H2Codec::Message& message, std::span<const char> bytes);
  /// The socket, while it does not take what it is given; else null.
  const net::TcpTransport* blocked_socket() const { return transport_.blocked_socket(); }
  /// The socket takes bytes at once.
  bool is_clear() const { return transport_->queued() == 0; }
  std::uint64_t opened() const { return opened_; }
  /// How long it may last, without jitter, in microseconds; 0 = for ever.
  std::uint64_t lifetime() const;
  /// An exchange has ended.
  void on_ended();

  bool is_idle() const override { return exchanges_count_ == 0; }
  bool is_lingering() const override { return phase_ == Phase::Lingering; }
  bool close_if_quiet(std::uint64_t now) override;
  void expel(bool at_once) override;
  std::uint32_t describe(shm::Report& report, std::uint32_t at) const override;

 private:
  enum class Phase : std::uint8_t {
    Open,
    Announced,  ///< the client knows, or will, that it is to begin nothing new
    Ending,     ///< nothing new is served
    Lingering,
    Dead
  };

  void on_readable() noexcept override;
  void on_sent() noexcept override;
  void on_deadline() noexcept override;
  void on_task() noexcept override;

  http::MessageSink* sink(http::H2Codec::Message& message, http::StreamId stream) override;
  void on_broken(http::Failure failure) override;
  std::uint64_t now() override { return context_.net.loop.now(); }
  void flush() override { context_.net.outbox.flush(); }
  void on_held(http::MessageSink& sink, RequestHead& head) override;
  void on_refused(http::MessageSink& sink, http::Failure failure) override;
  void on_sent(http::MessageSink& sink) override;
  void on_closed(http::MessageSink& sink, http::Failure failure) override;
  void on_abuse(http::H2Abuse kind) override;
  void on_overrun() override;
  void on_reset(bool by_client) override { context_.journal.count_reset(by_client); }
  bool is_late() override;
  void on_end_known() override;

  void pump();
  bool feed(std::span<char> bytes);
  bool has_had_share() const;
  void send();
  void push();
  void announce_end();
  void end();
  void linger();
  void discard();
  void end_all();
  void close_all();
  void die();
  void arm();

  Context& context_;
  ClientTransport transport_;
  http::H2Room room_;
  http::H2Codec codec_;
  mutable List<H2Exchange> exchanges_;
  event::Deadline deadline_;
  event::Task push_;
  net::Address peer_;
  std::uint64_t opened_;
  net::SendStall stall_;
  std::uint64_t progress_;   ///< the last byte sent, the last exchange that ended
  std::uint64_t sent_ = 0;   ///< the last byte sent
  std::uint64_t until_ = 0;  ///< the end of its lifetime, or of its announcement; 0 = none
  std::uint64_t requests_ = 0;
  std::uint64_t most_requests_ = 0;  ///< with jitter; 0 = any number
  std::size_t exchanges_count_ = 0;
  Phase phase_ = Phase::Open;
  bool more_to_read_ = false;
  bool sends_much_ = false;    ///< at a time
  bool sent_away_ = false;     ///< for abuse: nothing of it is read any more
  std::size_t reading_;        ///< bytes at a time
  std::uint64_t dearest_ = 0;  ///< of the bytes it has sent lately: picoseconds for each
  Share share_;                ///< of each turn
  std::uint64_t looked_ = 0;   ///< at the clock, in this call; 0 = not yet
};

}  // namespace weir::proxy
