// SPDX-License-Identifier: Apache-2.0
//
// Report: what the clients of a worker are doing, written down when control asks for it and not
// otherwise, so that it costs requests nothing.  Control asks everybody by one number; each worker
// fills its own rows and then says which question it has answered.
#pragma once

#include "shm/copy_out.h"
#include "shm/segment.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace weir::shm {

/// One client connection, and the request that runs on it.
struct SessionRow {
  char client[56] = {};  ///< "192.0.2.1:4711"
  char phase[12] = {};   ///< of the request; "idle" between two
  char method[12] = {};
  char path[88] = {};            ///< cut to fit
  std::uint64_t age_us = 0;      ///< of the connection
  std::uint64_t request_us = 0;  ///< since the request began; 0 = none
  std::uint64_t requests = 0;
  std::uint64_t bytes_in = 0, bytes_out = 0;  ///< of the request
  std::uint32_t listener = 0;                 ///< its number
  std::int32_t route = -1;                    ///< its number; -1 = none yet
  std::int32_t server = -1;                   ///< slot of the last attempt
  bool has_stream = false;
};

class Report {
 public:
  /// More connections of a worker than this are not written down.
  static constexpr std::uint32_t most_rows = 4096;

  Report(const Segment& segment, std::uint32_t worker)
      : head_(reinterpret_cast<Head*>(segment.region("reports").data())),
        block_(reinterpret_cast<Block*>(head_ + 1) + worker) {}

  static std::size_t bytes(const Layout& layout) {
    return sizeof(Head) + sizeof(Block) * layout.workers;
  }

  // Control.

  /// Asks all workers; they still have to be woken.  The number of the question.
  std::uint64_t ask() { return head_->asked.fetch_add(1) + 1; }
  /// The last question that was answered; never one that was not asked.
  std::uint64_t answered() const { return std::min(block_->answered.load(), head_->asked.load()); }
  /// At most `most_rows`.
  std::uint32_t size() const { return std::min(block_->size.load(), most_rows); }
  /// Row `i` < `most_rows`, as of the last answer; texts always end, numbers may be any.
  SessionRow row(std::uint32_t i) const {
    SessionRow row = copy_out(block_->rows[i]);
    end_text(row.client);
    end_text(row.phase);
    end_text(row.method);
    end_text(row.path);
    normalise(row.has_stream);
    return row;
  }

  // The worker.

  /// The question to be answered, or 0 if the last one was.
  std::uint64_t question() const {
    std::uint64_t asked = head_->asked.load();
    return asked == block_->answered.load() ? 0 : asked;
  }
  /// The place for row `i`, or null if there is no room for it.
  SessionRow* place(std::uint32_t i) { return i < most_rows ? &block_->rows[i] : nullptr; }
  void answer(std::uint64_t question, std::uint32_t rows) {
    block_->size.store(std::min(rows, most_rows));
    block_->answered.store(question);
  }

 private:
  struct alignas(64) Head {
    std::atomic<std::uint64_t> asked;
  };
  struct alignas(64) Block {
    std::atomic<std::uint64_t> answered;
    std::atomic<std::uint32_t> size;
    SessionRow rows[most_rows];
  };

  Head* head_;
  Block* block_;
};

}  // namespace weir::shm
