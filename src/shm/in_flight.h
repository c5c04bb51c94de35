// SPDX-License-Identifier: Apache-2.0
//
// InFlight: how many requests each server has in flight, over all workers.  One cell per worker and
// server, written by that worker only; a reader sums a server's cells, which lie side by side.  When a
// worker dies its cells are zeroed by the master, and the sums are true again.
//
// A worker with requests in a queue sets its bit in the server's waiter mask; whoever gives a slot back
// learns whom to wake.  Setting a bit and looking again, and giving back and looking at the mask, are
// sequentially consistent, so one of both sees the other.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

class InFlight {
 public:
  InFlight(const Segment& segment, std::uint32_t worker);

  static std::size_t bytes(const Layout& layout);
  static std::size_t waiter_bytes(const Layout& layout);

  /// One more, one less, of this worker.  `release` returns the other workers that wait for the server.
  void add(std::uint32_t server) {
    auto& mine = cell(server, worker_);
    mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  std::uint64_t release(std::uint32_t server);

  /// The sum over all workers.
  std::uint32_t load(std::uint32_t server) const;

  /// One more unless that would be over `max`.  May refuse when two workers try for the last slot at
  /// once, but never exceeds.
  bool try_take(std::uint32_t server, std::uint32_t max);

  void want(std::uint32_t server) { waiters_[server].fetch_or(bit()); }
  void unwant(std::uint32_t server) { waiters_[server].fetch_and(~bit()); }
  /// True if any worker wants a slot of it.
  bool is_wanted(std::uint32_t server) const { return waiters_[server].load() != 0; }

  /// Master only, after reaping the worker: nothing of it is in flight any more.
  /// `used`: slots below that number have been in use.
  void clear_worker(std::uint32_t worker, std::uint32_t used);

 private:
  using Cell = std::atomic<std::uint32_t>;

  Cell& cell(std::uint32_t server, std::uint32_t worker) const {
    return cells_[std::size_t{server} * stride_ + worker];
  }
  std::uint64_t bit() const { return std::uint64_t{1} << worker_; }

  Cell* cells_;
  std::atomic<std::uint64_t>* waiters_;
  const std::atomic<std::uint32_t>* workers_;  ///< that have ever been
  std::uint32_t stride_, worker_;
};

}  // namespace weir::shm
