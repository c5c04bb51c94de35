// SPDX-License-Identifier: Apache-2.0
//
// RequestBody: the body of a request on its way from the client, past the filters that want to see it, to a server.  As long
// as it is short enough it is also kept, in case it has to be sent again; large ones move inside the kernel where they can; of
// an answered request the rest is read and thrown away.
#pragma once

#include <weir/message.h>

#include "base/buffer.h"
#include "http/failure.h"
#include "net/pump.h"
#include "proxy/body_memory.h"
#include "proxy/body_pipe.h"

#include <cstdint>
#include <optional>
#include <span>

namespace weir::proxy {

class Dispatch;
struct StreamState;

class RequestBodyUser {
 public:
  /// The server has been given all of the request.
  virtual void on_request_sent() = 0;

 protected:
  ~RequestBodyUser() = default;
};

class RequestBody final : public PipeOutlet {
 public:
  /// Bytes that are kept to be sent again.
  static constexpr std::size_t most_kept = 16 * 1024;
  /// Bytes of a body nobody wants that are read so that the connection can go on.
  static constexpr std::uint64_t most_discarded = 64 * 1024;

  /// All outlive it.
  RequestBody(StreamState& state, RequestBodyUser& user, const Dispatch& dispatch);

  /// The head has come.
  void begin();

  /// All of it has come from the client.
  bool is_complete() const { return is_complete_; }
  /// What came of it can be sent once more.
  bool is_kept() const { return is_kept_; }
  /// Nobody wants the rest.
  bool is_discarded() const { return is_discarded_; }
  /// The rest is short enough to be thrown away for the sake of the connection.
  bool is_rest_small() const;
  /// More came than the route allows, or is announced.
  bool is_too_long() const;
  /// Some of it, or its end, has been passed on, or lies before a filter: who has not seen that will not.
  bool has_begun() const;
  /// Bytes that were taken from the client and not yet by the server's socket.
  std::size_t held() const { return pump_.held(); }

  /// More would be taken on now.
  bool wants() const;
  /// A piece has come; the bytes stay as ServerSide::write_body wants them.
  http::Failure take(std::span<const char> bytes);
  /// The client has said all.
  void take_end(const Headers& trailers);
  /// The server's connection is not shared with others, and nobody else wants to see the body.
  bool can_move() const;
  /// Moves bytes that follow plainly from the client's wire to the server's, inside the kernel; see
  /// upstream::ConnectionUser::move_body.
  net::IoResult move();

  /// All of it lies here, since filters wanted to see it before a server does: what is sent from now on is kept however much it
  /// is, as far as there is memory for bodies.
  void keep_all() { keep_most_ = SIZE_MAX; }
  /// It was empty, and has ended before filters could be told so: they are now.
  void tell_end();
  /// A server has answered: it will not be sent again.
  void forget();
  /// From now on pieces are thrown away.
  void discard();

  /// Gives a server what another one was given before, and the end if that is known.  True if it is.
  bool replay();
  /// The server's connection has room: what waits here goes on.
  void push();

  // Behind the filters.
  bool has_room() const override;
  void pass(std::span<const char> bytes) override;
  void pass_end(Headers& trailers) override;
  void flush() override;

 private:
  bool keep(std::span<const char> bytes);
  void drop_kept();
  void send(std::span<const char> bytes);
  void finish(Headers&& trailers);

  StreamState& state_;
  RequestBodyUser& user_;
  const Dispatch& dispatch_;
  Buffer kept_;
  BodyMemory::Share kept_memory_;  ///< for that, if it is more than every request may keep
  net::Pump pump_;
  Headers trailers_;  ///< as they may be passed on
  std::size_t keep_most_ = most_kept;
  std::uint64_t seen_ = 0;
  bool is_complete_ = false;
  bool is_finished_ = false;  ///< nothing follows to what was sent
  bool is_kept_ = true;
  bool is_discarded_ = false;
};

}  // namespace weir::proxy
