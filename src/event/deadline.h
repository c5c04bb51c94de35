// SPDX-License-Identifier: Apache-2.0
//
// Deadlines by the thousand.  A Deadline is a moment stored in the object that waits; moving it
// later is one store, because the Wheel looks at an object again only when its slot comes round and
// then puts it where it belongs by now.  Moving it earlier, or setting the first one, links it anew.
//
//   level 0: 64 slots of   16 ms (1 s)      a slot's list is served when its time has come,
//   level 1: 64 slots of 1.05 s  (67 s)     lists of higher levels are spread over lower ones;
//   level 2: 64 slots of   67 s  (71 min)   what is farther waits in the last slot.
//
// The one timer behind it sleeps until the first slot in use: an idle process is never woken.
//
// What many wait for at the same moment is not done in one turn: to end a stream takes some ten microseconds, and one
// client can have a hundred that end together.
#pragma once

#include "base/list.h"
#include "event/loop.h"

#include <cstdint>

struct event;

namespace weir::event {

class DeadlineEvents {
 public:
  virtual void on_deadline() noexcept = 0;

 protected:
  ~DeadlineEvents() = default;
};

class Deadline : public Hook {
 public:
  explicit Deadline(DeadlineEvents& events) : events_(events) {}

  /// Calls `on_deadline` once `at` (microseconds of the loop's clock) has passed, at most 16 ms late
  /// by the wheel's own doing.  0 = never.
  void set(Loop& loop, std::uint64_t at);
  void clear() { at_ = 0; }
  std::uint64_t at() const { return at_; }

 private:
  friend class Wheel;
  DeadlineEvents& events_;
  std::uint64_t at_ = 0;   ///< what is wanted, in microseconds
  std::uint64_t due_ = 0;  ///< the tick at which the wheel looks again
  bool near_ = false;      ///< it does not lie on the highest level
};

class Wheel final : private TaskEvents {
 public:
  explicit Wheel(Loop& loop);
  ~Wheel();

  void place(Deadline& deadline);

  /// By how many microseconds the process is late at `now` (the loop's read_clock): how long ago the first slot in
  /// use should have been looked at.  0 if it is not late.  Some are normal; 100 ms mean that it was stopped,
  /// starved or busy, and cannot blame others for what did not happen in time.
  std::uint64_t overdue(std::uint64_t now) const {
    const std::uint64_t first = serving_ != 0 ? serving_ : armed_;
    return first != 0 && now > first * tick_us ? now - first * tick_us : 0;
  }

  /// When the first slot in use is due, in microseconds of the loop's clock; 0 if none is used.
  std::uint64_t next_us() const { return armed_ * tick_us; }

  /// Looks at the slots in the next iteration, without waiting for the timer: for the owner of a clock that
  /// has been moved by hand.
  void serve_soon();

 private:
  friend class Deadline;
  static constexpr int levels = 3, slots = 64, slot_bits = 6;
  static constexpr std::uint64_t tick_us = 16'384;
  /// Of a turn; and a sixteenth of how long the first one has been waiting for it, so all have their turn.
  static constexpr std::uint64_t share_us = 125, waiting_share = 16;

  static void tell(int, short, void* wheel) noexcept;
  void turn();
  void serve_some(std::uint64_t now);
  void on_task() noexcept override { serve_some(loop_.read_clock()); }
  std::uint64_t next_tick() const;
  void arm();

  Loop& loop_;
  ::event* timer_;
  std::uint64_t served_ = 0;  ///< every slot up to this tick has been served
  std::uint64_t armed_ = 0;   ///< the tick the timer is set for; 0 = none
  std::uint64_t used_[levels] = {};
  std::uint64_t serving_ = 0;        ///< what the timer was set for when the first of `due_` came
  std::uint64_t waiting_since_ = 0;  ///< and when that was, in microseconds
  List<Deadline> due_;               ///< to be looked at now
  Task more_;                        ///< and in the next turn
  List<Deadline> slot_[levels][slots];
};

}  // namespace weir::event
