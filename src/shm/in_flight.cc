// SPDX-License-Identifier: Apache-2.0
#include "shm/in_flight.h"

#include <algorithm>

namespace weir::shm {

namespace {
// A server's cells fill whole cache lines, so that servers do not disturb each other.
std::uint32_t stride_of(const Layout& layout) { return (layout.workers + 15) / 16 * 16; }
}  // namespace

std::size_t InFlight::bytes(const Layout& layout) {
  return std::size_t{layout.servers} * stride_of(layout) * sizeof(Cell);
}
std::size_t InFlight::waiter_bytes(const Layout& layout) {
  return std::size_t{layout.servers} * sizeof(std::uint64_t);
}

InFlight::InFlight(const Segment& segment, std::uint32_t worker)
    : cells_(reinterpret_cast<Cell*>(segment.region("in_flight").data())),
      waiters_(reinterpret_cast<std::atomic<std::uint64_t>*>(segment.region("waiters").data())),
      workers_(&segment.worker_mark()),
      stride_(stride_of(segment.layout())),
      worker_(worker) {}

std::uint64_t InFlight::release(std::uint32_t server) {
  auto& mine = cell(server, worker_);
  mine.store(mine.load(std::memory_order_relaxed) - 1);
  return waiters_[server].load() & ~bit();
}

std::uint32_t InFlight::load(std::uint32_t server) const {
  std::uint64_t sum = 0;  // wide, so that no cell, whatever is in it, makes a busy server look idle
  // The mark comes first: who does not see a new worker in it has counted itself before that one looks.
  const std::uint32_t workers = workers_->load();
  for (std::uint32_t worker = 0; worker < workers; ++worker) sum += cell(server, worker).load();
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(sum, UINT32_MAX));
}

bool InFlight::try_take(std::uint32_t server, std::uint32_t max) {
  auto& mine = cell(server, worker_);
  mine.store(mine.load(std::memory_order_relaxed) + 1);
  if (load(server) <= max) return true;
  mine.store(mine.load(std::memory_order_relaxed) - 1);
  return false;
}

void InFlight::clear_worker(std::uint32_t worker, std::uint32_t used) {
  // Slots that were never used are not touched: looking at them would allocate their pages.
  for (std::uint32_t server = 0; server < used; ++server) {
    if (cell(server, worker).load() != 0) cell(server, worker).store(0);
    if ((waiters_[server].load() >> worker) & 1)
      waiters_[server].fetch_and(~(std::uint64_t{1} << worker));
  }
}

}  // namespace weir::shm
