// SPDX-License-Identifier: Apache-2.0
#include "shm/counters.h"

#include "shm/copy_out.h"

#include <algorithm>
#include <array>
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
  return plan(layout).cells * sizeof(Cell) * (std::size_t{layout.workers} + 1);
}

Counters::Counters(const Segment& segment, std::uint32_t worker)
    : cells_(reinterpret_cast<Cell*>(segment.region("counters").data())),
      workers_(&segment.worker_mark()),
      baseline_(segment.layout().workers),
      worker_(worker) {
  Plan made = plan(segment.layout());
  block_ = made.cells;
  std::copy(std::begin(made.parts), std::end(made.parts), std::begin(parts_));
}

std::uint64_t Counters::raw(Of kind, std::uint32_t number, std::size_t tally) const {
  const std::uint32_t workers = workers_->load();
  std::uint64_t sum = 0;
  for (std::uint32_t worker = 0; worker < workers; ++worker)
    sum += row(worker, kind, number)[tally].load(std::memory_order_relaxed);
  return sum;
}

std::uint64_t Counters::sum(Of kind, std::uint32_t number, Tally what) const {
  const auto tally = static_cast<std::size_t>(what);
  // The baseline comes first: what it is subtracted from has only grown since.
  const std::uint64_t before = row(baseline_, kind, number)[tally].load(std::memory_order_acquire);
  return less(raw(kind, number, tally), before);
}

Counted Counters::sum(Of kind, std::uint32_t number) const {
  Counted sum;
  for (std::size_t i = 0; i < tallies; ++i)
    sum.tally[i] = this->sum(kind, number, static_cast<Tally>(i));
  return sum;
}

// Without a request there is nothing in its buckets, and a look would allocate their memory.
bool Counters::has_buckets(std::uint32_t block, Of kind, std::uint32_t number) const {
  const Cell& requests = row(block, kind, number)[static_cast<std::size_t>(Tally::Requests)];
  return requests.load(std::memory_order_acquire) != 0;
}

void Counters::add_buckets(Of kind, std::uint32_t number, std::span<std::uint64_t> sums) const {
  const std::uint32_t workers = workers_->load();
  for (std::uint32_t worker = 0; worker < workers; ++worker) {
    if (!has_buckets(worker, kind, number)) continue;
    const Cell* cells = buckets(worker, kind, number);
    for (std::size_t i = 0; i < sums.size(); ++i)
      sums[i] += cells[i].load(std::memory_order_relaxed);
  }
}

// Fills `sums`, and gives the number of all that is in them.
std::uint64_t Counters::sum_buckets(Of kind, std::uint32_t number,
                                    std::span<std::uint64_t> sums) const {
  std::array<std::uint64_t, Buckets::count> before{};
  // The baseline comes first: see sum().
  if (has_buckets(baseline_, kind, number)) {
    const Cell* cells = buckets(baseline_, kind, number);
    for (std::size_t i = 0; i < sums.size(); ++i)
      before[i] = cells[i].load(std::memory_order_acquire);
  }
  add_buckets(kind, number, sums);
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < sums.size(); ++i) total += sums[i] = less(sums[i], before[i]);
  return total;
}

Latencies Counters::latencies(Of kind, std::uint32_t number) const {
  Latencies sum;
  if (kind == Of::Server) return sum;
  sum.total = sum_buckets(kind, number, sum.bucket);
  return sum;
}

CoarseLatencies Counters::server_latencies(std::uint32_t slot) const {
  CoarseLatencies sum;
  sum.total = sum_buckets(Of::Server, slot, sum.bucket);
  return sum;
}

void Counters::forget(Of kind, std::uint32_t number) {
  if (raw(kind, number, static_cast<std::size_t>(Tally::Requests)) > 0) {
    std::uint64_t sums[Buckets::count] = {};
    std::span<std::uint64_t> all(sums, kind == Of::Server ? CoarseBuckets::count : Buckets::count);
    add_buckets(kind, number, all);
    Cell* cells = buckets(baseline_, kind, number);
    for (std::size_t i = 0; i < all.size(); ++i) cells[i].store(all[i], std::memory_order_release);
  }
  Cell* cells = row(baseline_, kind, number);
  for (std::size_t i = 0; i < tallies; ++i)
    cells[i].store(raw(kind, number, i), std::memory_order_release);
}

namespace {

// The bucket in which the value lies that this share of all does not exceed.
std::size_t find_quantile(std::span<const std::uint64_t> buckets, std::uint64_t total,
                          double share) {
  // As a double: a total that is rounded up to 2^64 has no place in an integer.
  const double rank = std::ceil(share * static_cast<double>(total));
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    seen += buckets[i];
    if (static_cast<double>(seen) >= rank && buckets[i] > 0) return i;
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
