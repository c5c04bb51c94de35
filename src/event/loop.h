// SPDX-License-Identifier: Apache-2.0
//
// Loop: one thread's turns.  A turn waits for readiness, serves it, then deadlines that have passed, then
// posted tasks, and at its very end destroys what was handed to `reap`; of very many deadlines or dead the rest in
// the next turns.  Readiness comes before deadlines, so a stall of ours cannot time out bytes that
// have already arrived.
//
// Nobody deletes itself or its caller: an object that is done calls `reap(*this)` and lives until
// the end of the turn or a little longer.  Every callback is noexcept: what escapes ends the process.
#pragma once

#include "base/clock.h"
#include "base/list.h"

#include <atomic>
#include <cstdint>
#include <utility>

struct event_base;

namespace weir::event {

class Wheel;

class TaskEvents {
 public:
  virtual void on_task() noexcept = 0;

 protected:
  ~TaskEvents() = default;
};

/// A call to be made once, soon; a member of who is called.  Destroying it cancels it.
class Task : public Hook {
 public:
  explicit Task(TaskEvents& events) : events_(events) {}

 private:
  friend class Loop;
  TaskEvents& events_;
};

/// Something that dies at the end of a turn, or some turns later; until then it may still be told things.
class Reaped {
 public:
  virtual ~Reaped() = default;

 private:
  friend class Loop;
  Reaped* next_dead_ = nullptr;
  bool dead_ = false;
};

/// What the loop works for, if it is for something in particular: every client's session is one.  Nobody
/// asks it anything but who has to tell in what the process died.
class Subject {
 protected:
  ~Subject() = default;
};

/// How long the loop was busy at a time, in microseconds: the longest turn, and the longest single
/// call with the name of what was called, of the last ten to twenty seconds.
struct Pace {
  std::uint64_t turn_us = 0, call_us = 0;
  const char* call = "";
};

class Loop {
 public:
  /// `clock` must outlive the loop.
  explicit Loop(const Clock& clock = system_clock());
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  /// Turns until `stop`; may be called again then.
  void run();
  void stop() { stopping_ = true; }

  /// Makes the call after the readiness of this turn has been served (if posted from there), or
  /// in the next turn (if posted by a task).  Posting a linked task again changes nothing.
  void post(Task& task) {
    if (!task.is_linked()) tasks_.push_back(task);
  }

  /// Makes the call of a task now: for who keeps tasks waiting in a list of his own.
  void call(Task& task);

  /// Calls `events.on_task()` at the end of every turn, before the dead are destroyed.  One only.
  void at_end_of_turn(TaskEvents& events) { end_of_turn_ = &events; }

  /// Destroys `object` (made by new) at the end of the turn or later, but those of one turn before those of the
  /// next, and before `run` returns.  Saying it twice is harmless.
  void reap(Reaped& object);

  /// Destroys all of them at once, from outside a turn: for who is about to take along what they refer to.
  void destroy_the_dead();

  /// Monotonic time in microseconds, read at most once a turn.
  std::uint64_t now() {
    if (now_ == 0) now_ = read_clock();
    return now_;
  }

  /// The wall clock in microseconds since the epoch, read at most once a turn; for people.
  std::int64_t wall() {
    if (wall_ == 0) wall_ = clock_.wall_us();
    return wall_;
  }

  /// Monotonic time in microseconds, now.
  std::uint64_t read_clock() const { return clock_.monotonic_us(); }
  const Clock& clock() const { return clock_; }

  /// A call begins or has returned: the time since the one before, or since the turn began, is its.
  /// `name` is a static text.
  void begin_call(const char* name) {
    call_ = name;
    if (turn_begun_ != 0) return;
    turn_begun_ = tick_ = read_ticks();
    turn_->store(++turns_, std::memory_order_relaxed);
  }
  void end_call() {
    std::uint64_t now = read_ticks();
    std::uint64_t took = now - std::exchange(tick_, now);
    const char* name = std::exchange(call_, "");
    if (took <= longest_call_) return;
    longest_call_ = took;
    longest_name_ = name;
  }
  Pace pace() const;

  /// From now on `turn` holds the number of the present turn, and 0 while the loop waits.  Whoever sees
  /// the same number for long knows that this loop does not turn.
  void publish_turn(std::atomic<std::uint64_t>& turn) { turn_ = &turn; }

  // For who tells in what the process died; they may be asked in a signal handler.

  /// The name of the call that runs; empty between two.
  const char* call() const { return call_; }
  const Subject* subject() const { return subject_; }
  /// For how long this turn has been going on, in microseconds; 0 while the loop waits.
  std::uint64_t turn_age() const;

  Wheel& wheel() { return *wheel_; }
  event_base* base() { return base_; }

 private:
  friend class About;
  /// The processor's own count: far cheaper than a clock, and only the longest is ever converted.
  static std::uint64_t read_ticks() noexcept;
  double us_per_tick() const;
  void end_turn();
  /// Something is left for the next turn.
  bool has_more() const { return !tasks_.empty() || doomed_; }
  void run_tasks();
  void gather_the_dead();
  void destroy_first();
  void destroy_some();

  const Clock& clock_;
  event_base* base_;
  Wheel* wheel_;
  List<Task> tasks_;
  TaskEvents* end_of_turn_ = nullptr;
  Reaped* dead_ = nullptr;                             ///< of this turn, the last one first
  Reaped *doomed_ = nullptr, *last_doomed_ = nullptr;  ///< of this turn and those before, in order
  std::size_t doomed_count_ = 0;
  std::uint64_t now_ = 0;
  std::int64_t wall_ = 0;
  bool stopping_ = false;

  // In ticks:
  std::uint64_t tick_ = 0, turn_begun_ = 0, longest_call_ = 0, longest_turn_ = 0;
  const char* longest_name_ = "";
  const char* call_ = "";
  const Subject* subject_ = nullptr;
  std::atomic<std::uint64_t> own_turn_ = 0;
  std::atomic<std::uint64_t>* turn_ = &own_turn_;
  std::uint64_t turns_ = 0;
  std::uint64_t window_ticks_, window_us_;  ///< where this window of ten seconds began
  Pace last_;                               ///< of the window before
};

/// While it lives, what the loop does is done for `subject`, which must live until the end of the turn.
class About {
 public:
  About(Loop& loop, const Subject& subject) : About(loop, &subject) {}
  About(Loop& loop, const Subject* subject)
      : loop_(loop), before_(std::exchange(loop.subject_, subject)) {}
  ~About() { loop_.subject_ = before_; }
  About(const About&) = delete;
  About& operator=(const About&) = delete;

 private:
  Loop& loop_;
  const Subject* before_;
};

#if defined(__x86_64__)
inline std::uint64_t Loop::read_ticks() noexcept { return __builtin_ia32_rdtsc(); }
#else
inline std::uint64_t Loop::read_ticks() noexcept { return monotonic_us(); }
#endif

}  // namespace weir::event
