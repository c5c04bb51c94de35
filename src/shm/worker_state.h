// SPDX-License-Identifier: Apache-2.0
//
// WorkerState: what a worker counts and what it is doing; one writer, the worker.  Counters are plain
// stores and survive its death: the next incarnation goes on counting where it stopped.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

enum class Count : std::uint32_t {
  ClientsAccepted,
  ClientsOpen,
  Requests,
  Responses1xx,
  Responses2xx,
  Responses3xx,
  Responses4xx,
  Responses5xx,
  BytesIn,
  BytesOut,
  Attempts,
  FieldsDropped,
  Incarnation,  ///< which replacement this worker is
  Last
};

class WorkerState {
 public:
  WorkerState(const Segment& segment, std::uint32_t worker)
      : row_(reinterpret_cast<Row*>(segment.region("workers").data()) + worker) {}

  static std::size_t bytes(const Layout& layout) { return sizeof(Row) * layout.workers; }

  /// Owner only.
  void add(Count what, std::uint64_t amount) {
    auto& cell = row_->counts[static_cast<std::size_t>(what)];
    cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void set(Count what, std::uint64_t value) {
    row_->counts[static_cast<std::size_t>(what)].store(value, std::memory_order_relaxed);
  }
  std::uint64_t get(Count what) const {
    return row_->counts[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
  }

 private:
  struct alignas(64) Row {
    std::atomic<std::uint64_t> counts[32];
  };
  static_assert(static_cast<std::size_t>(Count::Last) <= 32);

  Row* row_;
};

}  // namespace weir::shm
