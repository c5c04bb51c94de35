// SPDX-License-Identifier: Apache-2.0
//
// Outliers: what the requests themselves show about a server, counted over all workers: failures in a
// row, and the claim of the one request that may try a half-open server.  A claim names its worker, that
// worker's incarnation and a moment at which it lapses, so that a dead prober holds it for no one.
#pragma once

#include "shm/segment.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace weir::shm {

class Outliers {
 public:
  explicit Outliers(const Segment& segment)
      : rows_(reinterpret_cast<Row*>(segment.region("outliers").data())) {}

  static std::size_t bytes(const Layout& layout) { return layout.servers * sizeof(Row); }

  /// One more failure of a kind in a row; how many there are now.
  std::uint32_t fail_connect(std::uint32_t server) { return ++rows_[server].connect_errors; }
  std::uint32_t fail_status(std::uint32_t server) { return ++rows_[server].status_errors; }
  /// That kind went well.  A look before the store keeps a healthy server's line shared.
  void pass_connect(std::uint32_t server) { clear(rows_[server].connect_errors); }
  void pass_status(std::uint32_t server) { clear(rows_[server].status_errors); }
  void reset(std::uint32_t server) {
    pass_connect(server);
    pass_status(server);
    rows_[server].claim.store(0);
  }

  /// Tries to be the one request for a half-open server.  `now_s`: seconds of the monotonic clock,
  /// below 2^32; a claim that would last longer ends there.
  bool claim(std::uint32_t server, std::uint32_t worker, std::uint32_t incarnation,
             std::uint64_t now_s, std::uint64_t lasts_s) {
    std::uint64_t held = rows_[server].claim.load();
    if (held != 0 && expiry(held) > now_s) return false;
    return rows_[server].claim.compare_exchange_strong(
        held, pack(worker, incarnation, now_s + std::min(lasts_s, UINT32_MAX - now_s)));
  }
  /// Control only: the claim of a worker that is not that incarnation any more is worth nothing.
  bool release_dead(std::uint32_t server, std::uint32_t worker, std::uint32_t incarnation) {
    std::uint64_t held = rows_[server].claim.load();
    if (held == 0 || (held & 0xff) != worker + 1 ||
        (held >> 8 & 0xffffff) == (incarnation & 0xffffff))
      return false;
    return rows_[server].claim.compare_exchange_strong(held, 0);
  }
  /// The one request came to no verdict: another may try.
  void unclaim(std::uint32_t server) { rows_[server].claim.store(0); }
  bool is_claimed(std::uint32_t server) const { return rows_[server].claim.load() != 0; }

 private:
  struct alignas(16) Row {
    std::atomic<std::uint32_t> connect_errors, status_errors;
    std::atomic<std::uint64_t> claim;  ///< expiry (32 bits) | incarnation (24) | worker + 1 (8)
  };
  static void clear(std::atomic<std::uint32_t>& count) {
    if (count.load(std::memory_order_relaxed) != 0) count.store(0, std::memory_order_relaxed);
  }
  static std::uint64_t pack(std::uint32_t worker, std::uint32_t incarnation, std::uint64_t expiry) {
    return expiry << 32 | std::uint64_t{incarnation & 0xffffff} << 8 | (worker + 1);
  }
  static std::uint64_t expiry(std::uint64_t claim) { return claim >> 32; }

  Row* rows_;
};

}  // namespace weir::shm
