// SPDX-License-Identifier: Apache-2.0
//
// Connection: a Transport and a client-role Codec to one server.  It is connecting, busy with one
// user's request, or idle in its server's pool, where any sign of life from the other side (bytes or
// the end) makes it useless and removes it.
#pragma once

#include "base/pooled.h"
#include "event/deadline.h"
#include "http/h1_codec.h"
#include "net/feed.h"
#include "net/tcp.h"
#include "tls/transport.h"

#include <memory>

namespace weir::upstream {

class Server;

/// Who uses a connection for one request: takes the response and what happens to the connection.
class ConnectionUser : public http::MessageSink {
 public:
  /// Bytes may be written now.
  virtual void on_connected() = 0;
  /// What was queued has left (completely if `Connection::queued` is 0).
  virtual void on_sent() = 0;
  /// The connection is of no more use; it has already let go of its user.
  virtual void on_failed(http::Failure failure) = 0;
  /// Bodies may be moved past the codec.
  virtual bool can_move_body() const { return true; }
  /// Much body follows with nothing in between: move it past the codec if you can.  Done: moved some
  /// (and told the codec); Again: cannot now, call `resume` later; End, Failed: the server's side did.
  virtual net::IoResult move_body() = 0;
  /// After an upgrade: the transport has something to read.
  virtual void on_raw_readable() = 0;
  virtual Method request_method() const = 0;
  /// For whom it is done; null = for nobody in particular.
  virtual const event::Subject* subject() const { return nullptr; }
};

/// What a failed connect() means, by its errno.
http::Failure connect_failure(int error);

/// What a failed handshake with a server means.
http::Failure tls_failure(tls::Failure failure);

/// Time limits of a request towards its server, in microseconds; 0 = none.
struct ServerTimeouts {
  std::uint64_t connect, first_byte, read, idle;
};

class Connection final : public Pooled<Connection>,
                         public Hook,
                         public event::Reaped,
                         private net::TransportEvents,
                         private http::CodecEvents,
                         private event::DeadlineEvents,
                         private event::TaskEvents {
 public:
  Connection(const net::Context& context, Server& server);
  ~Connection() override;

  Server& server() { return server_; }
  bool is_connecting() const;
  /// It has carried a request before, so the server may close it at any moment.
  bool is_reused() const { return served_ > 0; }
  std::size_t queued() const { return transport().queued(); }
  bool has_failed() const { return transport().has_failed(); }

  /// Makes it busy with `user`'s request.
  void lease(ConnectionUser& user, const ServerTimeouts& timeouts);

  void write_request(const RequestHead& head, const http::WriteOptions& options);
  void write_body(std::span<const char> bytes);
  /// The request is complete: the time to the first byte runs from when it has left.
  void write_end(const Headers& trailers);

  /// Reads on: the user wants body again.
  void resume();

  /// The user is done.  The connection goes to the pool if the message and `reusable` allow, else it dies.
  void give_back(bool reusable);

  /// For moving bytes past the codec: the transport, its codec's view of the body, and what has been
  /// read but not used.
  net::Transport& transport() { return tls_ ? static_cast<net::Transport&>(*tls_) : tcp_; }
  const net::Transport& transport() const {
    return tls_ ? static_cast<const net::Transport&>(*tls_) : tcp_;
  }
  /// Null on one in the clear, or that is not connected yet.
  const tls::Transport* tls() const { return tls_.get(); }
  http::Codec& codec() { return codec_; }
  Inbox& inbox() { return inbox_; }
  /// The user has moved bytes itself: the time limit between reads starts anew.
  void note_progress();
  /// From now on the user reads and writes the transport itself.
  void become_raw();

 private:
  friend class Server;
  int start(const net::Address& to);

  void on_readable() noexcept override;
  void on_sent() noexcept override;
  void on_deadline() noexcept override;
  void on_task() noexcept override;

  void on_begin(http::StreamId) override;
  http::MessageSink* sink(http::StreamId) override { return user_; }
  Method request_method(http::StreamId) override { return user_->request_method(); }
  void on_broken(http::StreamId, http::Failure failure) override { fail(failure); }

  const event::Subject* subject() const { return user_ ? user_->subject() : nullptr; }
  net::IoResult step();
  void settle();
  bool finish_connecting();
  bool finish_handshake();
  void pump();
  void ended(net::Io how);
  void fail(http::Failure failure);
  void die();
  void arm(std::uint64_t limit);

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
  ServerTimeouts timeouts_{};
  std::uint32_t served_ = 0;
  Phase phase_ = Phase::Connecting;
  bool pumping_ = false;
  bool reusable_ = false;
};

}  // namespace weir::upstream
