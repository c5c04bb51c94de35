// SPDX-License-Identifier: Apache-2.0
//
// Outbox: what is to be sent in this turn, gathered per connection, so that a head, its body and
// whatever else comes up leave in one system call each.
//
// The rule of lifetimes: bytes a Gather points at must stay until the end of the turn, or until
// their owner calls `flush` or `release` (as every reader does before it reuses the read buffer).
#pragma once

#include "base/buffer.h"
#include "base/gather.h"
#include "event/loop.h"
#include "net/transport.h"

#include <memory>
#include <vector>

namespace weir::net {

class Outbox : private event::TaskEvents {
 public:
  explicit Outbox(event::Loop& loop) : loop_(loop), more_(*this) { loop.at_end_of_turn(*this); }

  /// Where to put what `transport` shall send.
  Gather& to(Transport& transport);

  /// Sends everything gathered so far.
  void flush();

  /// Bytes of the caller's that were pointed at are about to go.  A few small sends that need none of them may wait for the end
  /// of the turn: what is read before them meets its code and data in the caches, and peers are not woken one by one.
  void release();

  /// Something that was gathered for it has not been sent.
  static bool holds(const Transport& transport) { return transport.parcel_ != 0; }

  /// Drops what was gathered for a transport that is about to die.
  void forget(Transport& transport);

 private:
  void on_task() noexcept override {
    flush();
    if (Buffer::give_back_some()) loop_.post(more_);
  }

  struct Parcel {
    Transport* transport = nullptr;
    std::unique_ptr<Gather> gather;
  };
  event::Loop& loop_;
  event::Task more_;
  std::vector<Parcel> parcels_;  ///< the first `open_` are in use, the others keep their memory
  std::size_t open_ = 0;
};

}  // namespace weir::net
