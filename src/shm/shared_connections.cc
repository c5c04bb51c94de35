// SPDX-License-Identifier: Apache-2.0
#include "shm/h2_servers.h"

#include "shm/copy_out.h"

namespace weir::shm {

namespace {

constexpr H2Count happened[] = {H2Count::Opened, H2Count::Goaways, H2Count::PingTimeouts,
                                H2Count::ResetsByServers, H2Count::ResetsByUs};

}  // namespace

std::size_t H2Servers::bytes(const Layout& layout) {
  return (std::size_t{layout.workers} + 1) * layout.servers * line * sizeof(Cell);
}

H2Servers::H2Servers(const Segment& segment, std::uint32_t worker)
    : cells_(reinterpret_cast<Cell*>(segment.region("h2_servers").data())),
      workers_(&segment.worker_mark()),
      servers_(segment.layout().servers),
      baseline_(segment.layout().workers),
      worker_(worker) {}

std::uint64_t H2Servers::raw(std::uint32_t server, H2Count what) const {
  const std::uint32_t workers = workers_->load();
  std::uint64_t sum = 0;
  for (std::uint32_t worker = 0; worker < workers; ++worker)
    sum += cell(worker, server, what).load(std::memory_order_relaxed);
  return sum;
}

std::uint64_t H2Servers::sum(std::uint32_t server, H2Count what) const {
  if (what < H2Count::Opened) return raw(server, what);
  // The baseline comes first: what it is subtracted from has only grown since.
  const std::uint64_t before = cell(baseline_, server, what).load(std::memory_order_acquire);
  return less(raw(server, what), before);
}

void H2Servers::forget(std::uint32_t server) {
  for (const H2Count what : happened)
    cell(baseline_, server, what).store(raw(server, what), std::memory_order_release);
}

void H2Servers::clear_worker(std::uint32_t worker, std::uint32_t used) {
  for (std::uint32_t server = 0; server < used; ++server)
    for (const H2Count what : {H2Count::Connections, H2Count::Streams})
      if (cell(worker, server, what).load() != 0) cell(worker, server, what).store(0);
}

}  // namespace weir::shm
