// SPDX-License-Identifier: Apache-2.0
//
// ClientSide: what a Stream needs of where its request came from and its answer goes.  Over HTTP/1 that
// is the Session itself, which has one Stream at a time; over HTTP/2 an H2Exchange, one of many.
#pragma once

#include "http/codec.h"
#include "http/h1_writer.h"
#include "net/address.h"
#include "net/wire.h"
#include "proxy/listener.h"
#include "tls/transport.h"

#include <span>

namespace weir::proxy {

class Stream;

/// Who a turn of the loop is spent on; all subjects of a worker's loop are Clients.
class Client : public event::Subject {
 public:
  Listener& listener() { return listener_; }
  const Listener& listener() const { return listener_; }
  const net::Address& peer() const { return peer_; }
  /// Of an established TLS connection; null in the clear.
  virtual const tls::Transport* tls() const { return nullptr; }
  /// The present request; null if it is none in particular.
  virtual const Stream* stream() const { return nullptr; }

 protected:
  /// Both outlive it.
  Client(Listener& listener, const net::Address& peer) : listener_(listener), peer_(peer) {}
  ~Client() = default;

  Listener& listener_;

 private:
  const net::Address& peer_;
};

class ClientSide : public Client {
 public:
  /// The stream wants the rest of the request's body, which comes in a later call of the same iteration, never inside this one.
  virtual void resume() = 0;

  /// The answer; all three tell how many bytes that is, as Record counts them.
  virtual std::size_t write_head(const ResponseHead& head, const http::WriteOptions& options) = 0;
  virtual std::size_t write_body(std::span<const char> bytes) = 0;
  virtual std::size_t write_end(const Headers& trailers) = 0;
  /// Forgets what was written of the answer, interim heads included; false if some of it may have left.
  virtual bool take_back() = 0;
  /// The client takes what it gets: more of the answer may be produced.
  virtual bool has_room() const = 0;
  /// What has been written goes to the kernel at the end of this turn, as far as one can tell.
  virtual bool leaves_at_once() const = 0;
  /// For moving bytes past everything.
  virtual net::Wire wire() = 0;

  /// The stream has said everything it has to say; it ends when that has left.  `keep` allows
  /// another request on this connection, if it is the request's own.
  virtual void finish(bool keep) = 0;
  /// Ends the exchange at once, so that the client cannot take its answer for complete.
  virtual void abort() = 0;
  /// The stream reads and writes the wire itself from now on.
  virtual void become_raw() = 0;
  /// Bytes went one way or the other without anybody else's doing.
  virtual void note_progress() = 0;
  /// The limits of the route hold from now on.
  virtual void set_timeouts(const ClientTimeouts& timeouts) = 0;
  /// When the connection is to end, whatever it does, by the loop's clock; 0 = never.
  virtual std::uint64_t lifetime_end() const = 0;
  /// May the present request be followed by another one?
  virtual bool may_keep() const = 0;

 protected:
  using Client::Client;
  ~ClientSide() = default;
};

}  // namespace weir::proxy
