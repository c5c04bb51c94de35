// SPDX-License-Identifier: Apache-2.0
//
// SendStall: whether a peer takes what it is sent, for the time limits of sending.
//
// An edge-triggered socket tells of room only when a third of its buffer, up to megabytes, has become free.  A slow
// peer may need longer for that than a time limit lasts.  So before a limit ends anything the kernel is asked twice
// how much the peer has not acknowledged: once soon after the sender has stopped, and then after the whole limit.  While
// all goes well nothing is asked.
#pragma once

#include "net/tcp.h"

#include <cstddef>
#include <cstdint>

namespace weir::net {

class SendStall {
 public:
  /// When to call `judge`, if the last progress that was told of was at `progress`.  All in microseconds; a
  /// limit of 0 is none, and so is a moment of 0.
  std::uint64_t due(std::uint64_t progress, std::uint64_t limit) const {
    if (limit == 0) return 0;
    return looked_at_ > progress ? looked_at_ + limit : progress + limit / 8;
  }

  /// True if the peer has acknowledged nothing for `limit`, which is not 0; else `due` tells when to ask again.
  bool judge(const TcpTransport& tcp, std::uint64_t progress, std::uint64_t now,
             std::uint64_t limit) {
    if (now < due(progress, limit)) return false;
    const std::size_t left = tcp.unacknowledged();
    if (looked_at_ > progress && left == left_) return true;
    looked_at_ = now;
    left_ = left;
    return false;
  }

 private:
  std::uint64_t looked_at_ = 0;  ///< when `left_` was seen first; 0 = not asked yet
  std::size_t left_ = 0;
};

}  // namespace weir::net
