// SPDX-License-Identifier: Apache-2.0
//
// LostLines: log lines that reached the writer but not their log, because a disk was full, nobody read a
// pipe, or no syslog daemon took them.  The writer is the only one who writes; its successor goes on
// counting.  Lines that never reached the writer are counted by their ring (LogRing::dropped).
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

class LostLines {
 public:
  enum class Of : std::uint32_t { Access, Error };

  explicit LostLines(const Segment& segment)
      : cells_(reinterpret_cast<Cell*>(segment.region("lost_lines").data())) {}

  static std::size_t bytes(const Layout&) { return 2 * sizeof(Cell); }

  /// The writer only.
  void add(Of log, std::uint64_t lines) {
    Cell& mine = cells_[static_cast<std::size_t>(log)];
    mine.store(mine.load(std::memory_order_relaxed) + lines, std::memory_order_relaxed);
  }
  std::uint64_t get(Of log) const {
    return cells_[static_cast<std::size_t>(log)].load(std::memory_order_relaxed);
  }

 private:
  using Cell = std::atomic<std::uint64_t>;
  Cell* cells_;
};

}  // namespace weir::shm
