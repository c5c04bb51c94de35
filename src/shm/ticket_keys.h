// SPDX-License-Identifier: Apache-2.0
//
// TicketKeys: what session tickets of TLS are encrypted with (RFC 5077 §4, RFC 8446 §4.6.1).  Control
// makes a new key every few hours, all workers use it, and take tickets of the one before it too: so a
// client may resume at any worker, and after one has died.  Nothing of them is ever written to a disk.
#pragma once

#include "shm/segment.h"
#include "shm/two_copies.h"

#include <cstdint>
#include <cstring>

namespace weir::shm {

struct TicketKey {
  std::uint8_t name[16];  ///< stands in front of each ticket
  std::uint8_t cipher[32], mac[32];
};

class TicketKeys {
 public:
  /// The newest first; a version of 0 means that there is none yet.
  struct Ring {
    TicketKey keys[2];
    std::uint32_t count;
    std::int64_t made_us;  ///< the newest one, by the wall clock
  };

  explicit TicketKeys(const Segment& segment)
      : ring_(reinterpret_cast<TwoCopies<Ring>*>(segment.region("ticket_keys").data())) {}

  static std::size_t bytes(const Layout&) { return sizeof(TwoCopies<Ring>); }

  bool has_key() const { return ring_->version() != 0; }
  Ring read() const { return ring_->read(); }

  /// Control only: from now on this key is the newest one.
  void rotate(const TicketKey& key, std::int64_t now_us) {
    Ring ring = ring_->read();
    std::memmove(&ring.keys[1], &ring.keys[0], sizeof(TicketKey));
    ring.keys[0] = key;
    ring.count = ring.count == 0 ? 1 : 2;
    ring.made_us = now_us;
    ring_->publish(ring);
  }

 private:
  TwoCopies<Ring>* ring_;
};

}  // namespace weir::shm
