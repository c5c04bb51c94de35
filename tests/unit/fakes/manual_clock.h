// SPDX-License-Identifier: Apache-2.0
//
// ManualClock: a clock that stands still until a test moves it, so that no test depends on how fast the machine is.
// TimeKeeper: moves one while nothing but time is waited for.  Alarm: ends a test that hangs, by the real clock.
#pragma once

#include "base/clock.h"
#include "base/fd.h"
#include "event/deadline.h"
#include "event/watch.h"

#include <gtest/gtest.h>

#include <sys/timerfd.h>
#include <unistd.h>

#include <functional>

namespace weir::test {

class ManualClock final : public Clock {
 public:
  std::uint64_t monotonic_us() const noexcept override { return now_; }
  std::int64_t wall_us() const noexcept override {
    return 1'790'000'000'000'000 + static_cast<std::int64_t>(now_);
  }

  /// Time passes at once, as for a process that was stopped meanwhile.
  void advance(std::uint64_t us) { now_ += us; }

 private:
  std::uint64_t now_ = 1'000'000'000;
};

/// Serves deadlines of a loop on a ManualClock without sleeping.  Call `look` once an iteration, or `start`, which
/// takes the loop's end of turn for that.
class TimeKeeper final : private event::TaskEvents {
 public:
  TimeKeeper(event::Loop& loop, ManualClock& clock) : loop_(loop), clock_(clock) {}

  /// Time jumps to the next deadline whenever `idle` holds, which must be false while the kernel has something to
  /// deliver that the test wants to come first.
  void pass_while(std::function<bool()> idle) { idle_ = std::move(idle); }

  /// The same as soon as nothing else can happen, for tests whose sockets all are their own: what one of them sends has
  /// been served a few iterations later.
  void pass() {
    pass_while([this] { return ++quiet_ % 8 == 0; });
  }

  void start() { loop_.at_end_of_turn(*this); }

  void look() {
    const std::uint64_t next = loop_.wheel().next_us();
    if (next == 0) return;
    if (next > clock_.monotonic_us()) {
      if (!idle_ || !idle_()) return;
      clock_.advance(next - clock_.monotonic_us());
    }
    loop_.wheel().serve_soon();
  }

 private:
  void on_task() noexcept override { look(); }

  event::Loop& loop_;
  ManualClock& clock_;
  std::function<bool()> idle_;
  unsigned quiet_ = 0;
};

/// A moment that a test waits for, among the deadlines of what it tests.
class Moment final : private event::DeadlineEvents {
 public:
  explicit Moment(event::Loop& loop) : loop_(loop), deadline_(*this) {}

  /// It comes so many microseconds from now.
  void set(std::uint64_t us) {
    has_come_ = false;
    deadline_.set(loop_, loop_.read_clock() + us);
  }
  bool has_come() const { return has_come_; }

 private:
  void on_deadline() noexcept override { has_come_ = true; }
  event::Loop& loop_;
  event::Deadline deadline_;
  bool has_come_ = false;
};

/// That a deadline was served when it was due: `took` microseconds are `limit`, or up to a step of the wheel more, for each of
/// so many waits one after the other.
inline testing::AssertionResult is_about(std::uint64_t took, std::uint64_t limit,
                                         unsigned waits = 1) {
  constexpr std::uint64_t wheel_step = 16'384;
  if (took >= limit && took <= limit + waits * wheel_step) return testing::AssertionSuccess();
  return testing::AssertionFailure() << took << " us instead of " << limit;
}

/// Calls a function once two minutes have really passed.
class Alarm final : private event::ReadyEvents {
 public:
  Alarm(event::Loop& loop, std::function<void()> call)
      : call_(std::move(call)), fd_(timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK)) {
    itimerspec when{};
    when.it_value.tv_sec = 120;
    EXPECT_EQ(timerfd_settime(fd_.get(), 0, &when, nullptr), 0);
    watch_.start(loop, fd_.get(), event::Watch::Edge::LevelRead, *this);
  }

 private:
  void on_ready(event::Ready) noexcept override {
    watch_.stop();
    call_();
  }
  std::function<void()> call_;
  Fd fd_;
  event::Watch watch_;
};

}  // namespace weir::test
