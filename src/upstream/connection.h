// SPDX-License-Identifier: Apache-2.0
//
// Connection: a Transport and a client-role Codec of HTTP/1 to one server.  It is connecting, busy with one
// user's request, or idle in its server's pool, where any sign of life from the other side (bytes or
// the end) makes it useless and removes it.
#pragma once

#include "base/pooled.h"
#include "event/deadline.h"
#include "http/h1_codec.h"
#include "net/feed.h"
#include "net/send_stall.h"
#include "net/tcp.h"
#include "tls/transport.h"
#include "upstream/addresses.h"
#include "upstream/server_side.h"

#include <memory>

namespace weir::upstream {

class PipelineConnection;
class Server;

/// What a failed connect() means, by its errno.
http::Failure connect_failure(int error);

/// What a failed handshake with a server means.
http::Failure tls_failure(tls::Failure failure);

class Connection final : public Pooled<Connection>,
                         public Hook,
                         public event::Reaped,
                         public ServerSide,
                         private net::TransportEvents,
                         private http::H1Events,
                         private event::DeadlineEvents,
                         private event::TaskEvents {
 public:
  Connection(const net::Context& context, Server& server);
  ~Connection() override;

  Server& server() { return server_; }

  void lease(ConnectionUser& user, const ServerTimeouts& timeouts) override;
  bool is_connecting() const override;
  std::uint32_t address() const override { return dial_.address; }
  bool is_reused() const override { return served_ > 0; }
  void write_request(const RequestHead& head, const http::WriteOptions& options) override;
  void write_body(std::span<const char> bytes) override;
  void write_end(const Headers& trailers) override;
  void note_sent() override;
  bool has_room() const override { return transport().queued() == 0; }
  void resume() override;
  /// The connection goes to the pool if the message and `reusable` allow, else it dies.
  void give_back(bool reusable) override;
  net::Wire wire() override { return {&transport(), &codec_, &inbox_}; }
  void note_progress() override;
  void become_raw() override;

  /// Null on one in the clear, or that is not connected yet.
  const tls::Transport* tls() const { return tls_.get(); }
  /// An idle one: `other` goes on with it.
  void move_to(PipelineConnection& other);

 private:
  friend class Server;
  /// Begins to connect; an errno if no address of the server took it at once.  `only_http1`: nothing else is offered.
  int start(bool only_http1);
  net::Transport& transport() { return tls_ ? static_cast<net::Transport&>(*tls_) : tcp_; }
  const net::Transport& transport() const {
    return tls_ ? static_cast<const net::Transport&>(*tls_) : tcp_;
  }

  void on_readable() noexcept override;
  void on_sent() noexcept override;
  void on_deadline() noexcept override;
  void on_task() noexcept override;

  void on_begin() override;
  http::MessageSink* sink() override { return user_; }
  void on_broken(http::Failure failure) override { fail(failure); }

  const event::Subject* subject() const { return user_ ? user_->subject() : nullptr; }
  net::IoResult step();
  void settle();
  bool finish_connecting();
  bool finish_handshake();
  void arm_connect();
  void fail_here(http::Failure failure);
  void connect_elsewhere();
  void become_h2();
  void pump();
  void ended(net::Io how);
  void fail(http::Failure failure);
  void die();
  void arm(std::uint64_t limit);
  bool is_sending() const;
  bool has_unsent() const { return transport().queued() > 0 || (user_ && user_->has_unsent()); }
  void check_sending();

  enum class Phase : std::uint8_t {
    Connecting,
    Sending,
    Awaiting,
    Reading,
    Raw,
    Returned,
    Idle,
    Dead
  };

  const net::Context& context_;
  Server& server_;
  net::TcpTransport tcp_;
  std::unique_ptr<tls::Transport> tls_;
  http::H1Codec codec_;
  Inbox inbox_;
  event::Deadline deadline_;
  event::Task again_;
  ConnectionUser* user_ = nullptr;
  ServerTimeouts timeouts_{};  ///< `connect`: the moment, not the time, while it connects
  net::SendStall stall_;
  std::uint64_t sent_at_ =
      0;  ///< when bytes of the request's body left last, or the last of its head
  std::uint32_t served_ = 0;
  Dial dial_;
  bool request_ended_ = false;
  Phase phase_ = Phase::Connecting;
  bool pumping_ = false;
  bool reusable_ = false;
  bool only_http1_ = false;
  bool moves_on_ = false;  ///< to the next address, as soon as nobody is inside of it
};

}  // namespace weir::upstream
