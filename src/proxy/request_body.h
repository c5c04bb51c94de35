// SPDX-License-Identifier: Apache-2.0
//
// RequestBody: the body of a request on its way from the client to a server.  As long as it is short enough it is also kept,
// in case it has to be sent again; large ones move inside the kernel where they can; of an answered request the rest is
// read and thrown away.
#pragma once

#include <weir/message.h>

#include "base/buffer.h"
#include "net/pump.h"
#include "net/wire.h"
#include "upstream/server_side.h"

#include <cstdint>
#include <optional>
#include <span>

namespace weir::proxy {

class RequestBody {
 public:
  /// Bytes that are kept to be sent again.
  static constexpr std::size_t most_kept = 16 * 1024;
  /// Bytes of a body nobody wants that are read so that the connection can go on.
  static constexpr std::uint64_t most_discarded = 64 * 1024;

  /// The head has come, which outlives this.
  void begin(const RequestHead& head);

  /// All of it has come from the client.
  bool is_complete() const { return is_complete_; }
  /// What came of it can be sent once more.
  bool is_kept() const { return is_kept_; }
  /// Nobody wants the rest.
  bool is_discarded() const { return is_discarded_; }
  /// The rest is short enough to be thrown away for the sake of the connection.
  bool is_rest_small() const;
  /// More came than `limit` allows, or is announced.
  bool is_over(const std::optional<std::uint64_t>& limit) const;
  /// Bytes that were taken from the client and not yet by the server's socket.
  std::size_t held() const { return pump_.held(); }

  /// A piece has come; the bytes stay as ServerSide::write_body wants them.
  void count(std::size_t bytes) { seen_ += bytes; }
  void send(std::span<const char> bytes, upstream::ServerSide& server);
  /// The client has said all.
  void note_complete() { is_complete_ = true; }
  /// Nothing follows to what was sent; `trailers` as they may be passed on, which must outlive this.
  void finish(Headers&& trailers);
  /// However much it is, what is sent from now on is kept: it lay here as a whole anyway.
  void keep_all() { keep_most_ = SIZE_MAX; }
  /// From now on pieces are thrown away.
  void discard();

  /// Gives a server what another one was given before, and the end if that is known.  True if it is.
  bool replay(upstream::ServerSide& server);
  /// Nothing follows to what the server was given.
  void send_end(upstream::ServerSide& server) { server.write_end(trailers_); }

  /// Moves bytes that follow plainly from the client's wire to the server's, inside the kernel; see
  /// upstream::ConnectionUser::move_body.
  net::IoResult move(const net::Context& context, const net::Wire& client,
                     upstream::ServerSide& server);
  /// Moves what `held` tells of; nothing is read for it.
  void push_held(const net::Context& context, upstream::ServerSide& server);

 private:
  const RequestHead* head_ = nullptr;
  Buffer kept_;
  net::Pump pump_;
  Headers trailers_;
  std::size_t keep_most_ = most_kept;
  std::uint64_t seen_ = 0;
  bool is_complete_ = false;
  bool is_finished_ = false;  ///< the end may be sent
  bool is_kept_ = true;
  bool is_discarded_ = false;
};

}  // namespace weir::proxy
