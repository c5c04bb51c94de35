// SPDX-License-Identifier: Apache-2.0
//
// LogRing: lines on their way from one process to the writer.  A ring of bytes with one producer and one
// consumer.  A record becomes visible by one store of `head` behind its bytes, so a producer killed at
// any instruction leaves whole lines only, and the next incarnation goes on at `head`.  The producer
// never waits: when the ring is full the line is dropped and counted.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::shm {

class LogRing {
 public:
  enum class Kind : std::uint8_t { Access, Error };

  LogRing(const Segment& segment, std::uint32_t ring);

  static std::size_t bytes(const Layout& layout);
  /// Longer lines are cut.
  static constexpr std::size_t longest_line = 64 * 1024;

  // Producer.

  /// Appends a line.  True if the writer sleeps and must be woken.
  bool push(Kind kind, std::string_view line);

  // Consumer.

  struct Line {
    Kind kind;
    std::string_view text;  ///< valid until `pop`
  };
  /// The oldest line, or nothing.
  bool peek(Line& line);
  void pop();
  /// Says that the consumer is about to sleep; false if there is something after all.
  bool prepare_to_sleep();
  void wake() { control_->sleeping.store(0); }
  /// Lines dropped since the last call.
  std::uint64_t take_dropped();

 private:
  static constexpr std::size_t capacity = 8 * 1024 * 1024;

  struct Control {
    alignas(64) std::atomic<std::uint64_t> head;
    std::atomic<std::uint64_t> dropped;
    alignas(64) std::atomic<std::uint64_t> tail;
    std::atomic<std::uint32_t> sleeping;
    std::uint64_t reported;
  };
  struct Record {
    std::uint32_t size;  ///< of the payload; `skip` = the rest of the ring is unused
    std::uint32_t kind;
  };
  static constexpr std::uint32_t skip = UINT32_MAX;
  static std::size_t padded(std::size_t size) { return (size + sizeof(Record) + 7) / 8 * 8; }

  Control* control_;
  char* bytes_;
};

}  // namespace weir::shm
