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

/// Whose ring is which, whatever number of workers there is.
struct RingOf {
  static constexpr std::uint32_t control = 0, master = 1;
  static constexpr std::uint32_t worker(std::uint32_t index) { return 2 + index; }
  /// How many rings so many workers need.
  static constexpr std::uint32_t count(std::uint32_t workers) { return 2 + workers; }
};

class LogRing {
 public:
  /// What a line is for.  State lines are records of the state file; StateBegin ("0" or "1") says into
  /// which of its two files they go from here on, which is emptied first.
  enum class Kind : std::uint8_t { Access, Error, State, StateBegin };

  LogRing(const Segment& segment, std::uint32_t ring);

  static std::size_t bytes(const Layout& layout);
  /// Longer lines are cut.
  static constexpr std::size_t longest_line = 64 * 1024;

  // Producer.

  /// Appends a line.  True if the writer must be woken: it sleeps, or it rests and the line is one that does not wait, or the
  /// ring has become too full to wait any longer.
  bool push(Kind kind, std::string_view line);

  /// Writes a line that counts only if `settle(true)` follows, or if the producer dies before it could
  /// say: for lines that must neither be told too early nor be lost.  Nothing may be pushed in between.
  void stage(Kind kind, std::string_view line);
  /// Keeps the staged line or drops it; true as for `push` of an access line.
  bool settle(bool keep);
  /// The next producer, at its start: the line its predecessor had staged counts.
  void recover() { (void)settle(true); }

  /// There is room for a line of that size: it would not be dropped.
  bool has_room(std::size_t size) const;

  // Anybody.

  /// Position behind the newest line, and the one up to which all is on disk (as the consumer says).
  std::uint64_t head() const { return control_->head.load(); }
  std::uint64_t synced() const { return control_->synced.load(); }

  /// Lines dropped in all.
  std::uint64_t dropped() const { return control_->dropped.load(std::memory_order_relaxed); }

  /// So many bytes are half of it: nobody may wait for more.
  static constexpr std::uint64_t half = 4 * 1024 * 1024;

  // Consumer.

  struct Line {
    Kind kind;
    std::string_view text;  ///< valid until it is released
  };
  /// Where reading begins: behind the last line released.
  std::uint64_t tail() const { return control_->tail.load(std::memory_order_relaxed); }
  /// The line at `cursor`, which moves on; false if there is none.  What cannot be a line ends the reading: the cursor goes
  /// to the head, and `take_dropped` counts one line more.
  bool read(std::uint64_t& cursor, Line& line);
  /// Whether all lines behind `cursor` are access lines; it moves behind those that are.  Called after `prepare_to_rest`, it misses
  /// no other line: either it finds it, or the producer wakes the consumer.
  bool has_only_access(std::uint64_t& cursor) const;
  /// Bytes between tail and head.
  std::uint64_t used() const { return control_->head.load() - tail(); }
  /// All lines before `cursor` have been dealt with.  Who is killed before that reads them again.
  void release(std::uint64_t cursor) { control_->tail.store(cursor, std::memory_order_release); }
  void note_synced(std::uint64_t cursor) { control_->synced.store(cursor); }
  /// Which of the two state files is being written; outlives the consumer.
  std::uint32_t state_file() const { return control_->state_file.load(); }
  void set_state_file(std::uint32_t which) { control_->state_file.store(which); }
  /// Says that the consumer is about to sleep; false if there is something after all.
  bool prepare_to_sleep();
  /// Says that the consumer will look by itself in a while: until then nobody wakes it for access lines, unless so many bytes
  /// lie here.
  void prepare_to_rest(std::uint64_t most);
  void wake() { control_->state.store(awake); }
  /// Lines dropped since the last call.
  std::uint64_t take_dropped();

 private:
  static constexpr std::size_t capacity = 8 * 1024 * 1024;
  /// What the consumer does; a former version's producer takes all but `awake` for `asleep`.
  enum State : std::uint32_t { awake, asleep, resting };

  struct Control {
    alignas(64) std::atomic<std::uint64_t> head;
    std::atomic<std::uint64_t>
        staged;  ///< what head becomes with the staged line; 0 = there is none
    std::atomic<std::uint64_t> dropped;
    alignas(64) std::atomic<std::uint64_t> tail;
    std::atomic<std::uint64_t> synced;
    std::atomic<std::uint32_t> state, state_file;
    std::uint64_t reported;
    std::atomic<std::uint64_t> most;  ///< bytes for which a resting consumer is woken
  };
  struct Record {
    std::uint32_t size;  ///< of the payload; `skip` = the rest of the ring is unused
    std::uint32_t kind;
  };
  static constexpr std::uint32_t skip = UINT32_MAX;
  bool next(std::uint64_t& cursor, std::uint64_t head, Line& line) const;
  std::uint64_t write(Kind kind, std::string_view line);
  bool publish(Kind kind, std::uint64_t head);
  static std::size_t padded(std::size_t size) { return (size + sizeof(Record) + 7) / 8 * 8; }

  Control* control_;
  char* bytes_;
  std::uint64_t damaged_ = 0;  ///< how often `read` met what cannot be a line
};

}  // namespace weir::shm
