// SPDX-License-Identifier: Apache-2.0
//
// ServerCounts: what control counts of each server: its checks by result, and its ejections.  Control is
// the only writer, and its successor goes on counting.  A slot that is given to another server begins at 0.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

enum class ServerCount : std::uint32_t {
  ChecksPassed,
  ChecksFailed,
  ChecksInconclusive,
  Ejections,
  Last
};

class ServerCounts {
 public:
  explicit ServerCounts(const Segment& segment)
      : lines_(reinterpret_cast<Line*>(segment.region("server_counts").data())) {}

  static std::size_t bytes(const Layout& layout) {
    return std::size_t{layout.servers} * sizeof(Line);
  }

  /// Control only.
  void add(std::uint32_t slot, ServerCount what) {
    Cell& mine = cell(slot, what);
    mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  /// Control only: the slot is given to another server.
  void forget(std::uint32_t slot) {
    for (Cell& each : lines_[slot].cells) each.store(0, std::memory_order_relaxed);
  }

  /// Anybody.
  std::uint64_t get(std::uint32_t slot, ServerCount what) const {
    return cell(slot, what).load(std::memory_order_relaxed);
  }

 private:
  using Cell = std::atomic<std::uint64_t>;
  struct Line {
    Cell cells[4];
  };
  static_assert(static_cast<std::size_t>(ServerCount::Last) == 4);

  Cell& cell(std::uint32_t slot, ServerCount what) const {
    return lines_[slot].cells[static_cast<std::size_t>(what)];
  }

  Line* lines_;
};

}  // namespace weir::shm
