// SPDX-License-Identifier: Apache-2.0
//
// H2Connection: one connection to a server that speaks HTTP/2, and the H2Calls that are running on it.
// Whatever they ask in a turn leaves at its end in one write, and answers come many to a read: that is what
// makes a shared connection cheaper than one for each request.
//
// It takes calls from when it begins to connect until its server says farewell (GOAWAY), the server leaves,
// or it fails; then what runs there runs out.  When nothing has come for a while although something should,
// it asks the server for a sign of life.
#pragma once

#include "base/list.h"
#include "base/pooled.h"
#include "event/deadline.h"
#include "http/h2_codec_client.h"
#include "net/feed.h"
#include "net/tcp.h"
#include "shm/shared_connections.h"
#include "tls/transport.h"
#include "upstream/addresses.h"
#include "upstream/h2_call.h"

#include <cstdint>
#include <memory>

namespace weir::upstream {

class Server;

class H2Connection final : public Pooled<H2Connection>,
                           public Hook,
                           public event::Reaped,
                           private net::TransportEvents,
                           private http::H2ClientEvents,
                           private event::DeadlineEvents,
                           private event::TaskEvents {
 public:
  /// Calls on one connection at a time; the server may allow less, which shows when its settings have come.
  static constexpr std::uint32_t most_calls = 128, most_unknown = 100;

  H2Connection(const net::Context& context, Server& server);
  ~H2Connection() override;

  /// Begins to connect; an errno if no address of the server took it at once.
  int start();
  /// Goes on over a connection that has just agreed to speak HTTP/2, and was dialled so.
  void take_over(net::TcpTransport& tcp, std::unique_ptr<tls::Transport> tls, const Dial& dial);

  /// One more call fits.
  bool has_room() const;
  /// A new call, to be leased at once.
  H2Call* begin_call();
  bool is_idle() const { return calls_count_ == 0; }
  /// The number of the address it is connected to.
  std::uint32_t address() const { return dial_.address; }
  /// Nothing is on the way, in either direction.
  bool may_be_shed() const { return is_idle() && !busy_; }
  /// Takes no new calls; ends when the last one has.
  void leave();

  // For its calls.

  const net::Context& context() const { return context_; }
  http::H2ClientCodec& codec() { return codec_; }
  std::string_view scheme() const { return tls_ ? "https" : "http"; }
  bool has_served() const { return served_ > 0; }
  /// It is open, and for a tunnel the server's settings are known.
  bool can_begin(const H2Call& call) const;
  void note_call(const ServerTimeouts& timeouts);
  void on_call_ended();
  /// Something of an answer has come.
  void note_answer() { is_quiet_ = false; }
  /// The socket, while it does not take what it is given; else null.
  const net::TcpTransport* blocked_socket() const {
    return transport().queued() > 0 ? &tcp_ : nullptr;
  }
  /// There are frames to be made at the end of this turn.
  void push_soon() { context_.loop.post(push_); }

 private:
  enum class Phase : std::uint8_t { Connecting, Open, Dead };

  void on_readable() noexcept override;
  void on_sent() noexcept override;
  void on_deadline() noexcept override;
  void on_task() noexcept override;

  std::uint64_t now() override { return context_.loop.now(); }
  void flush() override { context_.outbox.flush(); }
  void on_sent(http::MessageSink& sink) override;
  void on_closed(http::MessageSink& sink, http::Failure failure) override;
  void on_settings() override;
  void on_leaving() override;
  void on_reset(bool by_server) override;
  void on_pong() override { is_quiet_ = true; }
  void on_broken(http::Failure failure) override;

  net::Transport& transport() { return tls_ ? static_cast<net::Transport&>(*tls_) : tcp_; }
  const net::Transport& transport() const {
    return tls_ ? static_cast<const net::Transport&>(*tls_) : tcp_;
  }
  bool finish_connecting();
  bool finish_handshake();
  void arm_connect();
  void fail_here(http::Failure failure);
  void connect_elsewhere();
  void open();
  void open_calls();
  void pump();
  void ended(net::Io how);
  void push();
  void settle();
  void arm();
  void ask_for_life();
  void say_farewell();
  /// Ends the connection; what runs on it, and what waits for it, fails.
  void fail(http::Failure failure);
  void close();
  void die();
  // For the numbers of its server.
  void count(shm::SharedCount what);
  void note_closed();

  const net::Context& context_;
  Server& server_;
  net::TcpTransport tcp_;
  std::unique_ptr<tls::Transport> tls_;
  http::H2ClientCodec codec_;
  List<H2Call> calls_;
  event::Deadline deadline_;
  event::Task push_;
  ServerTimeouts timeouts_{};  ///< of the last call
  std::uint64_t heard_ = 0;    ///< when something came last
  std::uint64_t asked_ =
      0;  ///< when a sign of life was asked for; 0 = since then something has come
  std::uint64_t idle_since_ = 0;  ///< when the last call ended
  std::uint64_t connect_by_ = 0;  ///< 0 = without end
  std::uint32_t calls_count_ = 0;
  Dial dial_;
  std::uint64_t served_ = 0;
  Phase phase_ = Phase::Connecting;
  bool busy_ = false;  ///< a call of ours is under way
  bool more_to_read_ = false;
  bool leaving_ =
      false;  ///< nothing new is begun on it: its server said so, or we no longer want it
  bool was_told_farewell_ = false;
  bool moves_on_ = false;  ///< to the next address, as soon as nobody is inside of it
  bool is_quiet_ = false;  ///< it is alive, and has nothing to say
};

}  // namespace weir::upstream
