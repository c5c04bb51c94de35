// SPDX-License-Identifier: Apache-2.0
//
// SharedConnections: what workers count of connections to each server that many requests share: over HTTP/2, or pipelined.
// A worker has two cache lines for each server, which it alone writes, so a count is a plain store; readers sum over the workers.
//
// What there is at the moment ends with its worker: the master zeroes it.  What has happened outlives it; when a
// slot is given to another server, what was counted so far is kept in one more block, which is subtracted.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

enum class SharedCount : std::uint32_t {
  Connections,  ///< over HTTP/2, open now
  Streams,      ///< requests and tunnels that are on them now
  Pipelines,    ///< pipelined connections, open now
  Opened,       ///< from here on: what has happened.  Over HTTP/2:
  Goaways,      ///< connections whose server has said farewell
  PingTimeouts,
  ResetsByServers,  ///< streams
  ResetsByUs,
  Pipelined,  ///< requests that were sent on pipelined connections,
  Moved,      ///< those of them that were sent again over connections of their own,
  Faults,     ///< and how often a server did what it should not do there
  Last
};

class SharedConnections {
 public:
  SharedConnections(const Segment& segment, std::uint32_t worker);

  static std::size_t bytes(const Layout& layout);

  /// This worker, of the server in that slot.
  void add(std::uint32_t server, SharedCount what, std::uint64_t amount = 1) {
    Cell& mine = cell(worker_, server, what);
    mine.store(mine.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  void subtract(std::uint32_t server, SharedCount what, std::uint64_t amount = 1) {
    add(server, what, ~amount + 1);
  }

  /// Anybody: over all workers.
  std::uint64_t sum(std::uint32_t server, SharedCount what) const;

  /// Control only: the slot is given to another server.
  void forget(std::uint32_t server);
  /// Master only, after reaping the worker.  `used`: slots below that number have been in use.
  void clear_worker(std::uint32_t worker, std::uint32_t used);

 private:
  using Cell = std::atomic<std::uint64_t>;
  static constexpr std::size_t line = 128 / sizeof(Cell);
  static_assert(static_cast<std::size_t>(SharedCount::Last) <= line);

  Cell& cell(std::uint32_t block, std::uint32_t server, SharedCount what) const {
    return cells_[(std::size_t{block} * servers_ + server) * line + static_cast<std::size_t>(what)];
  }
  std::uint64_t raw(std::uint32_t server, SharedCount what) const;

  Cell* cells_;
  const std::atomic<std::uint32_t>* workers_;  ///< that have ever been
  std::uint32_t servers_, baseline_, worker_;
};

}  // namespace weir::shm
