// SPDX-License-Identifier: Apache-2.0
#include "shm/counters.h"

#include <algorithm>
#include <cmath>
#include <span>

namespace weir::shm {

Counters::Plan Counters::plan(const Layout& layout) {
  Plan plan;
  const std::uint32_t counts[] = {layout.listeners, layout.routes, layout.backends, layout.servers};
  for (std::size_t i = 0; i < std::size(counts); ++i) {
    plan.parts[i].count = counts[i];
    plan.parts[i].rows = plan.cells;
    plan.cells += counts[i] * row_cells;
  }
  for (Of kind : {Of::Listener, Of::Route, Of::Backend, Of::Server}) {
    Part& part = plan.parts[static_cast<std::size_t>(kind)];
    part.buckets = plan.cells;
    plan.cells += part.count * (kind == Of::Server ? CoarseBuckets::count : Buckets::count);
  }
  return plan;
}

std::size_t Counters::bytes(const Layout& layout) {
  return plan(layout).cells * sizeof(Cell) * layout.workers;
}

Counters::Counters(const Segment& segment, std::uint32_t worker)
    : cells_(reinterpret_cast<Cell*>(segment.region("counters").data())),
      workers_(segment.layout().workers),
      worker_(worker) {
  Plan made = plan(segment.layout());
  block_ = made.cells;
  std::copy(std::begin(made.parts), std::end(made.parts), std::begin(parts_));
}

Counted Counters::sum(Of kind, std::uint32_t number) const {
  Counted sum;
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    const Cell* cells = row(worker, kind, number);
    for (std::size_t i = 0; i < tallies; ++i)
      sum.tally[i] += cells[i].load(std::memory_order_relaxed);
  }
  return sum;
}

std::uint64_t Counters::sum(Of kind, std::uint32_t number, Tally what) const {
  std::uint64_t sum = 0;
  for (std::uint32_t worker = 0; worker < workers_; ++worker)
    sum +=
        row(worker, kind, number)[static_cast<std::size_t>(what)].load(std::memory_order_relaxed);
  return sum;
}

Latencies Counters::latencies(Of kind, std::uint32_t number) const {
  Latencies sum;
  if (kind == Of::Server) return sum;
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    // Without a request there is nothing in its buckets, and a look would allocate their memory.
    const Cell& requests = row(worker, kind, number)[static_cast<std::size_t>(Tally::Requests)];
    if (requests.load(std::memory_order_relaxed) == 0) continue;
    const Cell* cells = buckets(worker, kind, number);
    for (std::size_t i = 0; i < Buckets::count; ++i) {
      std::uint64_t count = cells[i].load(std::memory_order_relaxed);
      sum.bucket[i] += count;
      sum.total += count;
    }
  }
  return sum;
}

CoarseLatencies Counters::server_latencies(std::uint32_t slot) const {
  CoarseLatencies sum;
  for (std::uint32_t worker = 0; worker < workers_; ++worker) {
    const Cell& requests = row(worker, Of::Server, slot)[static_cast<std::size_t>(Tally::Requests)];
    if (requests.load(std::memory_order_relaxed) == 0) continue;
    const Cell* cells = buckets(worker, Of::Server, slot);
    for (std::size_t i = 0; i < CoarseBuckets::count; ++i) {
      std::uint64_t count = cells[i].load(std::memory_order_relaxed);
      sum.bucket[i] += count;
      sum.total += count;
    }
  }
  return sum;
}

namespace {

// The bucket in which the value lies that this share of all does not exceed.
std::size_t find_quantile(std::span<const std::uint64_t> buckets, std::uint64_t total,
                          double share) {
  auto rank = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total)));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    seen += buckets[i];
    if (seen >= rank && buckets[i] > 0) return i;
  }
  return 0;
}

}  // namespace

std::uint64_t Latencies::quantile(double share) const {
  if (total == 0) return 0;
  std::size_t i = find_quantile(bucket, total, share);
  return (Buckets::begin(i) + Buckets::end(i) - 1) / 2;
}

std::uint64_t CoarseLatencies::quantile(double share) const {
  if (total == 0) return 0;
  std::size_t i = find_quantile(bucket, total, share);
  if (i == 0) return 0;
  return static_cast<std::uint64_t>(std::exp2(static_cast<double>(i) - 0.5));
}

}  // namespace weir::shm
