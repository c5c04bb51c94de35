// SPDX-License-Identifier: Apache-2.0
//
// BlackBox: the last words of a process that crashes or is ended because it does not turn its loop.  A
// signal handler writes them, part by part, and says after each part how far it has come: what made it
// crash may make the handler crash too, and then what stands before that point still counts.  While all
// is well nobody writes here.
//
// One row a worker and one for control; it writes, the master reads after having reaped it, and clears.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

/// Texts are cut to fit and always end.
struct LastWords {
  static constexpr std::uint32_t most_frames = 32;

  // Part::Call
  std::int32_t signal = 0;
  std::uint64_t turn_us = 0;  ///< how long the turn of the loop had been going on; 0 = none was
  char call[24] = {};         ///< what the loop was calling
  bool in_builder = false;    ///< it was another thread than the loop's

  // Part::Client
  bool has_client = false;  ///< it was working for a client
  char client[64] = {};     ///< "192.0.2.1:4711"
  char listener[64] = {};
  char errand[160] = {};  ///< of a process without clients: "command \"reload\""

  // Part::Request
  bool has_request = false;  ///< the client's request was understood
  char phase[12] = {};
  char method[16] = {};
  char host[64] = {};
  char path[128] = {};
  char route[64] = {};  ///< empty if there was none yet
  char file[96] = {};   ///< where the route stands
  std::uint32_t line = 0;
  std::uint64_t fingerprint = 0;  ///< 0 = none

  // Part::Trace
  std::uint32_t frames = 0;
  std::uint64_t trace[most_frames] = {};  ///< addresses within the program; 0 = in a library
};

class BlackBox {
 public:
  /// How far the words have come.
  enum class Part : std::uint32_t { Nothing, Call, Client, Request, Trace };

  BlackBox(const Segment& segment, std::uint32_t worker)
      : row_(reinterpret_cast<Row*>(segment.region("black_box").data()) + worker) {}
  static BlackBox of_control(const Segment& segment) {
    return BlackBox(segment, segment.layout().workers);
  }

  static std::size_t bytes(const Layout& layout) { return sizeof(Row) * (layout.workers + 1); }

  // The worker, or control.

  LastWords& words() { return row_->words; }
  void reached(Part part) { row_->reached.store(part, std::memory_order_release); }

  // The master, when the worker is gone.

  Part reached() const { return row_->reached.load(std::memory_order_acquire); }
  /// What counts of the words; nothing of the parts that were not reached.
  LastWords read() const;
  void clear() { row_->reached.store(Part::Nothing); }

 private:
  struct alignas(64) Row {
    std::atomic<Part> reached;
    LastWords words;
  };

  Row* row_;
};

}  // namespace weir::shm
