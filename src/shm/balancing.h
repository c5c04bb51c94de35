// SPDX-License-Identifier: Apache-2.0
//
// Balancing: what the balancers of all workers know together: for each server the moving average of the
// times to its first byte, and four words of its backend's policy; for each of a backend's two sets of
// servers four words more.  A server keeps its words until its slot is another's, or its policy is another one.
//
// Any worker may write any word at any time; a reader bears whatever stands there.
#pragma once

#include "shm/segment.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>

namespace weir::shm {

class Balancing {
 public:
  using Words = std::span<std::atomic<std::uint64_t>, 4>;
  static constexpr std::uint32_t sets = 2;  ///< of a backend: those asked first, and the backups

  explicit Balancing(const Segment& segment)
      : servers_(reinterpret_cast<Server*>(segment.region("balancing").data())),
        sets_(reinterpret_cast<Set*>(servers_ + segment.layout().servers)) {}

  static std::size_t bytes(const Layout& layout) {
    return std::size_t{layout.servers} * sizeof(Server) +
           std::size_t{layout.backends} * sets * sizeof(Set);
  }

  Words of_server(std::uint32_t slot) const { return Words(servers_[slot].words); }
  Words of_set(std::uint32_t backend, std::uint32_t set) const {
    return Words(sets_[std::size_t{backend} * sets + set].words);
  }

  /// Microseconds; 0 = nothing is known.
  std::uint32_t latency(std::uint32_t slot) const {
    return servers_[slot].latency.load(std::memory_order_relaxed);
  }
  /// One more time, which counts for an eighth.  Of two workers at the same instant one may be lost.
  void note_latency(std::uint32_t slot, std::uint64_t us) {
    const std::int64_t now =
        static_cast<std::int64_t>(std::clamp<std::uint64_t>(us, 1, UINT32_MAX));
    const std::int64_t before = latency(slot);
    const std::int64_t next = before == 0 ? now : before + (now - before) / 8;
    servers_[slot].latency.store(static_cast<std::uint32_t>(std::max<std::int64_t>(next, 1)),
                                 std::memory_order_relaxed);
  }

  /// Control: another server has that slot, or its policy is another one.
  void forget_server(std::uint32_t slot) {
    servers_[slot].latency.store(0, std::memory_order_relaxed);
    clear(servers_[slot].words);
  }
  /// Control: the backend is another one, or its policy is.
  void forget_sets(std::uint32_t backend) {
    for (std::uint32_t set = 0; set < sets; ++set)
      clear(sets_[std::size_t{backend} * sets + set].words);
  }

 private:
  using Cells = std::array<std::atomic<std::uint64_t>, 4>;
  struct alignas(64) Server {
    Cells words;
    std::atomic<std::uint32_t> latency;
  };
  struct alignas(64) Set {
    Cells words;
  };
  static void clear(Cells& words) {
    for (auto& word : words) word.store(0, std::memory_order_relaxed);
  }

  Server* servers_;
  Set* sets_;
};

}  // namespace weir::shm
