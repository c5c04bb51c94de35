// SPDX-License-Identifier: Apache-2.0
//
// SlotTable: which worker watches which listening socket.  Written by the master; a worker that is woken
// compares with what it watches.  Unix sockets belong to everybody.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

class SlotTable {
 public:
  static constexpr std::uint32_t everybody = UINT32_MAX;

  explicit SlotTable(const Segment& segment)
      : owners_(reinterpret_cast<std::atomic<std::uint32_t>*>(segment.region("slots").data())) {}

  static std::size_t bytes(const Layout& layout) {
    return std::size_t{layout.sockets} * sizeof(std::uint32_t);
  }

  void assign(std::uint32_t socket, std::uint32_t worker) { owners_[socket].store(worker); }
  bool belongs(std::uint32_t socket, std::uint32_t worker) const {
    std::uint32_t owner = owners_[socket].load();
    return owner == worker || owner == everybody;
  }

 private:
  std::atomic<std::uint32_t>* owners_;
};

}  // namespace weir::shm
