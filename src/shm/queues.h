// SPDX-License-Identifier: Apache-2.0
//
// Queues: how many requests wait in each backend's queue.  Every worker has a cell of its own for each
// backend, so a count is a plain store; readers sum over the workers.  The queue of a worker ends with
// it: the master zeroes its cells.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

class Queues {
 public:
  Queues(const Segment& segment, std::uint32_t worker)
      : cells_(reinterpret_cast<Cell*>(segment.region("queues").data())),
        workers_(&segment.worker_mark()),
        backends_(segment.layout().backends),
        worker_(worker) {}

  static std::size_t bytes(const Layout& layout) {
    return std::size_t{layout.workers} * layout.backends * sizeof(Cell);
  }

  /// This worker: so many requests wait for a server of the backend with that number.
  void set(std::uint32_t backend, std::uint32_t waiting) {
    cell(worker_, backend).store(waiting, std::memory_order_relaxed);
  }

  /// Anybody: over all workers.
  std::uint64_t sum(std::uint32_t backend) const {
    std::uint64_t sum = 0;
    const std::uint32_t workers = workers_->load();
    for (std::uint32_t worker = 0; worker < workers; ++worker)
      sum += cell(worker, backend).load(std::memory_order_relaxed);
    return sum;
  }

  /// Master only, after reaping the worker.
  void clear_worker(std::uint32_t worker) {
    for (std::uint32_t backend = 0; backend < backends_; ++backend) cell(worker, backend).store(0);
  }

 private:
  using Cell = std::atomic<std::uint32_t>;

  Cell& cell(std::uint32_t worker, std::uint32_t backend) const {
    return cells_[std::size_t{worker} * backends_ + backend];
  }

  Cell* cells_;
  const std::atomic<std::uint32_t>* workers_;  ///< that have ever been
  std::uint32_t backends_, worker_;
};

}  // namespace weir::shm
