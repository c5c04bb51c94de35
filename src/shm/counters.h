// SPDX-License-Identifier: Apache-2.0
//
// Counters: what a worker has counted for every listener, route, backend and server.  Each worker has
// its own block, so a count is a plain store; readers sum the blocks.  A block outlives its worker:
// the next incarnation goes on where the last one stopped, so no sum ever goes back.
//
// When a number or a server's slot is given to something else, what was counted under it so far is
// written into one more block, the baseline, which is subtracted from the sums: the new owner begins at 0.
//
// Latencies are kept in log-linear buckets: 32 to every power of two, so that a value read from the
// middle of its bucket is at most 1.6 % off (the idea of HdrHistogram, hdrhistogram.org).
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <bit>
#include <cstdint>
#include <span>

namespace weir::shm {

/// Which kind of thing is counted for.
enum class Of : std::uint8_t { Listener, Route, Backend, Server };

enum class Tally : std::uint32_t {
  Requests,
  NoStatus,  ///< ended without a status: closed, or the client left before
  Status1xx,
  Status2xx,
  Status3xx,
  Status4xx,
  Status5xx,
  BytesIn,
  BytesOut,
  Failures,       ///< of Proxy-Status: something went wrong on the way
  Attempts,       ///< towards servers
  ConnectErrors,  ///< attempts that got no connection
  Microseconds,   ///< sum of durations
  Queued,         ///< requests of a backend that had to wait for a server
  Last
};
inline constexpr std::size_t tallies = static_cast<std::size_t>(Tally::Last);

/// The buckets of a histogram of microseconds.
struct Buckets {
  static constexpr std::uint64_t most = std::uint64_t{1} << 36;  ///< 19 hours; more counts as this
  static constexpr std::size_t count = 32 * 32;
  /// 0 to count - 1.
  static std::size_t index(std::uint64_t us) {
    if (us >= most) us = most - 1;
    if (us < 64) return us;
    auto shift = static_cast<unsigned>(std::bit_width(us)) - 6;
    return shift * 32 + (us >> shift);
  }
  /// The first value of a bucket, and the first one behind it.
  static std::uint64_t begin(std::size_t index) {
    if (index < 64) return index;
    std::size_t shift = index / 32 - 1;
    return (std::uint64_t{index} - shift * 32) << shift;
  }
  static std::uint64_t end(std::size_t index) { return begin(index + 1); }
};

/// The coarse buckets of a server, of which there may be very many: one a power of two.
struct CoarseBuckets {
  static constexpr std::size_t count = 32;
  /// 0 to count - 1; bucket i holds what is under 2^i microseconds and not in an earlier one.
  static std::size_t index(std::uint64_t us) {
    auto bits = static_cast<std::size_t>(std::bit_width(us));
    return bits < count ? bits : count - 1;
  }
};

/// What is counted of a request, the same for all it is counted for.
class Finished {
 public:
  /// `hundreds`: of its status, 1 to 5; anything else = it has none.  `us`: how long it took.
  Finished(unsigned hundreds, bool failed, std::uint64_t bytes_in, std::uint64_t bytes_out,
           std::uint64_t us)
      : status_(static_cast<std::size_t>(Tally::NoStatus) + (hundreds <= 5 ? hundreds : 0)),
        failed_(failed),
        bytes_in_(bytes_in),
        bytes_out_(bytes_out),
        us_(us),
        bucket_(Buckets::index(us)),
        coarse_(CoarseBuckets::index(us)) {}

 private:
  friend class Counters;
  std::size_t status_;
  bool failed_;
  std::uint64_t bytes_in_, bytes_out_, us_;
  std::size_t bucket_, coarse_;
};

/// A copy of what has been counted for one thing, summed over workers.
struct Counted {
  std::uint64_t tally[tallies] = {};
  std::uint64_t operator[](Tally what) const { return tally[static_cast<std::size_t>(what)]; }
};

/// A histogram of a server summed over workers.
struct CoarseLatencies {
  std::uint64_t bucket[CoarseBuckets::count] = {};
  std::uint64_t total = 0;
  /// As Latencies::quantile, within a factor of the square root of two.
  std::uint64_t quantile(double share) const;
};

/// A histogram summed over workers; empty for servers, which have coarse ones.
struct Latencies {
  std::uint64_t bucket[Buckets::count] = {};
  std::uint64_t total = 0;
  /// The value below which this share of all lies, 0 < share <= 1; 0 if there is none.
  std::uint64_t quantile(double share) const;
};

class Counters {
 public:
  Counters(const Segment& segment, std::uint32_t worker);

  static std::size_t bytes(const Layout& layout);

  // This worker.

  void add(Of kind, std::uint32_t number, Tally what, std::uint64_t amount) {
    bump(row(worker_, kind, number)[static_cast<std::size_t>(what)], amount);
  }
  void add(Of kind, std::uint32_t number, const Finished& request) {
    Cell* const cells = row(worker_, kind, number);
    const auto cell = [cells](Tally what) -> Cell& {
      return cells[static_cast<std::size_t>(what)];
    };
    bump(cell(Tally::Requests), 1);
    bump(cells[request.status_], 1);
    bump(cell(Tally::BytesIn), request.bytes_in_);
    bump(cell(Tally::BytesOut), request.bytes_out_);
    bump(cell(Tally::Microseconds), request.us_);
    if (request.failed_) bump(cell(Tally::Failures), 1);
    bump(buckets(worker_, kind, number)[kind == Of::Server ? request.coarse_ : request.bucket_], 1);
  }

  // Control.

  /// The number is given to something else.  Nobody may be counting under it.
  void forget(Of kind, std::uint32_t number);

  // Anybody.

  Counted sum(Of kind, std::uint32_t number) const;
  std::uint64_t sum(Of kind, std::uint32_t number, Tally what) const;
  Latencies latencies(Of kind, std::uint32_t number) const;
  CoarseLatencies server_latencies(std::uint32_t slot) const;
  std::uint32_t size(Of kind) const { return parts_[static_cast<std::size_t>(kind)].count; }

 private:
  using Cell = std::atomic<std::uint64_t>;
  struct Part {
    std::uint32_t count = 0;
    std::size_t rows = 0;     ///< where its rows begin in a worker's block
    std::size_t buckets = 0;  ///< where its histograms begin: far away, as most are never touched
  };
  struct Plan {
    Part parts[4];
    std::size_t cells = 0;  ///< of a worker's block
  };
  static constexpr std::size_t row_cells = (tallies + 7) / 8 * 8;

  static Plan plan(const Layout& layout);
  std::uint64_t raw(Of kind, std::uint32_t number, std::size_t tally) const;
  bool has_buckets(std::uint32_t block, Of kind, std::uint32_t number) const;
  void add_buckets(Of kind, std::uint32_t number, std::span<std::uint64_t> sums) const;
  std::uint64_t sum_buckets(Of kind, std::uint32_t number, std::span<std::uint64_t> sums) const;
  static void bump(Cell& cell, std::uint64_t amount) {
    cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
  }
  Cell* row(std::uint32_t worker, Of kind, std::uint32_t number) const {
    return cells_ + worker * block_ + parts_[static_cast<std::size_t>(kind)].rows +
           number * row_cells;
  }
  Cell* buckets(std::uint32_t worker, Of kind, std::uint32_t number) const {
    return cells_ + worker * block_ + parts_[static_cast<std::size_t>(kind)].buckets +
           number * (kind == Of::Server ? CoarseBuckets::count : Buckets::count);
  }

  Cell* cells_;
  std::size_t block_;
  Part parts_[4];
  const std::atomic<std::uint32_t>* workers_;  ///< that have ever been
  std::uint32_t baseline_;                     ///< the number of its block
  std::uint32_t worker_;
};

}  // namespace weir::shm
