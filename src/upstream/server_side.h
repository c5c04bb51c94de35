// SPDX-License-Identifier: Apache-2.0
//
// ServerSide: what one request needs of the connection to its server.  Over HTTP/1 that is the Connection
// itself, which carries one request at a time; over HTTP/2 an H2Call, one of many on an H2Connection.
#pragma once

#include "event/loop.h"
#include "http/codec.h"
#include "http/h1_writer.h"
#include "net/wire.h"
#include "upstream/server_timeouts.h"

#include <cstdint>
#include <span>

namespace weir::upstream {

class ServerSide;

/// Who uses a ServerSide: takes the response and what happens to the connection.
class ConnectionUser : public http::MessageSink {
 public:
  /// Bytes may be written now, to `on`: where it was waiting, or what took its place.
  virtual void on_connected(ServerSide& on) = 0;
  /// Some of what was queued has left.
  virtual void on_sent() = 0;
  /// The ServerSide is of no more use; it has already let go of its user.
  virtual void on_failed(http::Failure failure) = 0;
  /// Bodies may be moved past the codec.
  virtual bool can_move_body() const { return true; }
  /// Much body follows with nothing in between: move it past the codec if you can.  Done: moved some
  /// (and told the codec); Again: cannot now, call `resume` later; End, Failed: the server's side did.
  virtual net::IoResult move_body() = 0;
  /// It holds bytes of the request, taken from the client, that it will move to the wire itself.
  virtual bool has_unsent() const { return false; }
  /// After an upgrade: the wire has something to read.
  virtual void on_raw_readable() = 0;
  /// The request it uses it for.
  virtual const RequestHead& request() const = 0;
  /// For whom it is done; null = for nobody in particular.
  virtual const event::Subject* subject() const { return nullptr; }
};

class ServerSide {
 public:
  /// Makes it busy with `user`'s request.
  virtual void lease(ConnectionUser& user, const ServerTimeouts& timeouts) = 0;
  /// Not yet: on_connected or on_failed will tell.
  virtual bool is_connecting() const = 0;
  /// The number of the address it is connected to, see Addresses.
  virtual std::uint32_t address() const = 0;
  /// It, or its connection, has carried a request before: the server may end it at any moment.
  virtual bool is_reused() const = 0;

  virtual void write_request(const RequestHead& head, const http::WriteOptions& options) = 0;
  virtual void write_body(std::span<const char> bytes) = 0;
  /// The user has moved bytes of the request to the wire itself: the time limit of sending starts anew.
  virtual void note_sent() = 0;
  /// The request is complete: the time to the first byte runs from when it has left.
  virtual void write_end(const Headers& trailers) = 0;
  /// The server takes what it gets: more of the request may be produced.
  virtual bool has_room() const = 0;

  /// Reads on: the user wants body again.  What there is comes in a later call of the same iteration, never inside this one.
  virtual void resume() = 0;
  /// The user is done.  It is used again if the message and `reusable` allow.
  virtual void give_back(bool reusable) = 0;

  /// For moving bytes past everything.
  virtual net::Wire wire() = 0;
  /// From now on the user reads and writes the wire itself.
  virtual void become_raw() = 0;
  /// The user has moved bytes itself: the time limit between reads starts anew.
  virtual void note_progress() = 0;

 protected:
  ~ServerSide() = default;
};

}  // namespace weir::upstream
