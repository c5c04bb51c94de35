// SPDX-License-Identifier: Apache-2.0
//
// Generation: which generation of the configuration holds.  Storing `committed` is the one moment of a
// reload: before it any failure leaves the old one, after it the new one holds whoever dies.  Written by
// control; each worker says which one it runs.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

class Generation {
 public:
  explicit Generation(const Segment& segment)
      : head_(reinterpret_cast<Head*>(segment.region("generation").data())) {}

  static std::size_t bytes(const Layout&) { return sizeof(Head); }

  /// The one that holds; 0 = nobody has said, so the first one does.
  std::uint64_t committed() const { return head_->committed.load(); }
  void commit(std::uint64_t generation) { head_->committed.store(generation); }

  /// The one a worker runs.
  std::uint64_t running(std::uint32_t worker) const { return head_->running[worker].load(); }
  void run(std::uint32_t worker, std::uint64_t generation) {
    head_->running[worker].store(generation);
  }

  /// A commit that is undone unless it is confirmed: the generation to go back to (0 = nothing waits),
  /// and when, by the wall clock.  Control only; outlives it.
  std::uint64_t unconfirmed() const { return head_->unconfirmed.load(); }
  std::int64_t confirm_by_us() const { return head_->confirm_by_us.load(); }
  void wait_for_confirm(std::uint64_t back_to, std::int64_t by_us) {
    head_->confirm_by_us.store(by_us);
    head_->unconfirmed.store(back_to);
  }

 private:
  struct Head {
    std::atomic<std::uint64_t> committed, unconfirmed;
    std::atomic<std::int64_t> confirm_by_us;
    std::atomic<std::uint64_t> running[most_workers];
  };
  Head* head_;
};

}  // namespace weir::shm
