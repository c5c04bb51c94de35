// SPDX-License-Identifier: Apache-2.0
//
// Transport: an ordered pipe of bytes to a peer.  A plain socket is one; TLS will be one over
// another.  It never blocks and never calls back from inside a call: readiness is told from the
// loop, and whoever is told reads until Again, or comes back by itself for the rest.
//
// Sending takes everything: what the socket does not take at once is kept and goes out as it can.
// The sender watches `queued()` and stops producing while it is not zero; that is back-pressure.
#pragma once

#include "base/gather.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace weir::net {

enum class Io : std::uint8_t {
  Done,    ///< `bytes` were moved
  Again,   ///< nothing now; on_readable or on_drained will tell
  End,     ///< the peer will send no more
  Failed,  ///< reset, or an error of our own
};

struct IoResult {
  Io io;
  std::size_t bytes = 0;
};

/// What a Transport tells its owner.
class TransportEvents {
 public:
  /// Bytes, the end, or an error can be read.
  virtual void on_readable() noexcept = 0;
  /// Some of what was queued has left; nothing of it is left if `queued()` is 0.
  virtual void on_sent() noexcept = 0;

 protected:
  ~TransportEvents() = default;
};

class Transport {
 public:
  virtual ~Transport() = default;

  /// Reads what there is, at most into.size() bytes.
  virtual IoResult read(std::span<char> into) = 0;

  /// More is to come of what was begun: the next read asks the kernel, though the last one has emptied the socket.  Of a
  /// reset that came together with bytes nothing else tells.
  virtual void expect_more() = 0;

  /// Sends the pieces and forgets them.  After a failure bytes are dropped, `has_failed()` is
  /// true, and on_readable is told, since there may be something to be read yet.
  virtual void send(Gather& gather) = 0;

  /// Bytes taken but not yet sent.
  virtual std::size_t queued() const = 0;
  virtual bool has_failed() const = 0;

  /// The peer has closed its side or the connection broke, though bytes may still be readable.
  virtual bool is_closing() const = 0;

  /// False if the last read has emptied the socket: closing it then cannot reset the connection under
  /// an answer that is on its way.
  virtual bool may_have_input() const = 0;

  /// True if the peer is gone for good; a peer that only shut down its sending side is not.  Costs a
  /// system call only after the end was reported.
  virtual bool is_broken() = 0;

  /// True if the peer has ended its side properly (FIN, and close_notify over TLS) and all that it sent before
  /// has been read.  Costs a system call once the end was reported.
  virtual bool is_at_end() = 0;

  /// Starts to tell readiness; may be called late, when a read has said Again.
  virtual void watch() = 0;

  /// From now on `events` is told instead of who was told so far.
  virtual void report_to(TransportEvents& events) = 0;

  /// Ends our direction once all queued bytes have left.
  virtual void shut_down() = 0;

  /// Breaks the connection so that the peer cannot take what it got for complete.
  virtual void abort() = 0;

  /// Moves bytes between the connection and a pipe inside the kernel, at most `most`.  Only if
  /// `can_splice()`: a transport that transforms bytes cannot.
  virtual bool can_splice() const = 0;
  virtual IoResult splice_to(int pipe, std::size_t most) = 0;
  virtual IoResult splice_from(int pipe, std::size_t most) = 0;

 private:
  friend class Outbox;
  std::size_t parcel_ = 0;  ///< its place in the Outbox, from 1; 0 = it has none
};

}  // namespace weir::net
