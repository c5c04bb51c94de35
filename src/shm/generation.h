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

  /// How the last reload ended, and how many did either way.  Written by control, and by the master while none runs.
  struct Reloads {
    std::uint64_t done = 0, refused = 0;
    bool last_done = true;          ///< also before the first one
    std::int64_t last_done_us = 0;  ///< wall clock; 0 = none was done yet
  };
  Reloads reloads() const {
    return {head_->done.load(), head_->refused.load(), head_->last_refused.load() == 0,
            head_->last_done_us.load()};
  }
  void note_reload(bool is_done, std::int64_t now_us) {
    std::atomic<std::uint64_t>& count = is_done ? head_->done : head_->refused;
    count.store(count.load() + 1);
    head_->last_refused.store(is_done ? 0 : 1);
    if (is_done) head_->last_done_us.store(now_us);
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
    std::atomic<std::uint64_t> done, refused, last_refused;
    std::atomic<std::int64_t> last_done_us;
  };
  Head* head_;
};

}  // namespace weir::shm
