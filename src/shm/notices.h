// SPDX-License-Identifier: Apache-2.0
//
// Notices: short messages from a worker to control about servers.  One ring a worker; a full ring drops
// the notice, since what causes it will cause it again.
#pragma once

#include "shm/copy_out.h"
#include "shm/segment.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

enum class NoticeKind : std::uint32_t {
  ConnectErrors,  ///< the limit of failed connects in a row is reached
  StatusErrors,   ///< the same for bad answers
  ProbePassed,    ///< the one request of a half-open server went well
  ProbeFailed
};

struct Notice {
  NoticeKind kind;
  std::uint32_t server;
  std::uint32_t incarnation;  ///< of the server's slot
  std::uint32_t detail;       ///< how many in a row, or the status
};

class Notices {
 public:
  static constexpr std::size_t size = 1024;  ///< most that wait in one ring

  Notices(const Segment& segment, std::uint32_t worker)
      : ring_(reinterpret_cast<Ring*>(segment.region("notices").data()) + worker) {}

  static std::size_t bytes(const Layout& layout) { return layout.workers * sizeof(Ring); }

  /// The worker.
  bool push(const Notice& notice) {
    std::uint64_t head = ring_->head.load(std::memory_order_relaxed);
    if (head - ring_->tail.load(std::memory_order_acquire) == size) return false;
    ring_->notices[head % size] = notice;
    ring_->head.store(head + 1, std::memory_order_release);
    return true;
  }
  /// Control.  Which server a notice names is for the caller to check.  A ring whose head is further ahead than the ring
  /// is long, which no push makes, is emptied.
  bool pop(Notice& notice) {
    std::uint64_t tail = ring_->tail.load(std::memory_order_relaxed);
    std::uint64_t head = ring_->head.load(std::memory_order_acquire);
    if (head - tail > size) ring_->tail.store(tail = head, std::memory_order_release);
    if (tail == head) return false;
    notice = copy_out(ring_->notices[tail % size]);
    ring_->tail.store(tail + 1, std::memory_order_release);
    return true;
  }

 private:
  struct Ring {
    alignas(64) std::atomic<std::uint64_t> head;
    alignas(64) std::atomic<std::uint64_t> tail;
    Notice notices[size];
  };
  Ring* ring_;
};

}  // namespace weir::shm
