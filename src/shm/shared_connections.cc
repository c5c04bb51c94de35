// SPDX-License-Identifier: Apache-2.0
#include "shm/shared_connections.h"

#include "shm/copy_out.h"

#include <iterator>

namespace weir::shm {

namespace {

constexpr SharedCount now[] = {SharedCount::Connections, SharedCount::Streams,
                               SharedCount::Pipelines};
constexpr SharedCount happened[] = {SharedCount::Opened,       SharedCount::Goaways,
                                    SharedCount::PingTimeouts, SharedCount::ResetsByServers,
                                    SharedCount::ResetsByUs,   SharedCount::Pipelined,
                                    SharedCount::Moved,        SharedCount::Faults};
static_assert(std::size(now) + std::size(happened) == static_cast<std::size_t>(SharedCount::Last));

}  // namespace

std::size_t SharedConnections::bytes(const Layout& layout) {
  return (std::size_t{layout.workers} + 1) * layout.servers * line * sizeof(Cell);
}

SharedConnections::SharedConnections(const Segment& segment, std::uint32_t worker)
    : cells_(reinterpret_cast<Cell*>(segment.region("connections").data())),
      workers_(&segment.worker_mark()),
      servers_(segment.layout().servers),
      baseline_(segment.layout().workers),
      worker_(worker) {}

std::uint64_t SharedConnections::raw(std::uint32_t server, SharedCount what) const {
  const std::uint32_t workers = workers_->load();
  std::uint64_t sum = 0;
  for (std::uint32_t worker = 0; worker < workers; ++worker)
    sum += cell(worker, server, what).load(std::memory_order_relaxed);
  return sum;
}

std::uint64_t SharedConnections::sum(std::uint32_t server, SharedCount what) const {
  if (what < SharedCount::Opened) return raw(server, what);
  // The baseline comes first: what it is subtracted from has only grown since.
  const std::uint64_t before = cell(baseline_, server, what).load(std::memory_order_acquire);
  return less(raw(server, what), before);
}

void SharedConnections::forget(std::uint32_t server) {
  for (const SharedCount what : happened)
    cell(baseline_, server, what).store(raw(server, what), std::memory_order_release);
}

void SharedConnections::clear_worker(std::uint32_t worker, std::uint32_t used) {
  for (std::uint32_t server = 0; server < used; ++server)
    for (const SharedCount what : now)
      if (cell(worker, server, what).load() != 0) cell(worker, server, what).store(0);
}

}  // namespace weir::shm
