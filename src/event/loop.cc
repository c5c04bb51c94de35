// SPDX-License-Identifier: Apache-2.0
#include "event/loop.h"

#include "base/assert.h"
#include "event/deadline.h"

#include <event2/event.h>

#include <algorithm>

namespace weir::event {

namespace {
constexpr std::uint64_t window_length_us = 10'000'000;
constexpr std::uint64_t destroying_us = 60;  // of a turn
}  // namespace

Loop::Loop(const Clock& clock) : clock_(clock) {
  event_config* config = event_config_new();
  WEIR_ASSERT(config);
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  WEIR_ASSERT(base_);
  wheel_ = new Wheel(*this);
  window_ticks_ = read_ticks();
  window_us_ = read_clock();
}

Loop::~Loop() {
  destroy_the_dead();
  delete wheel_;
  event_base_free(base_);
}

void Loop::run() {
  while (!stopping_) {
    now_ = 0;
    wall_ = 0;
    const int flags = EVLOOP_ONCE | (has_more() ? EVLOOP_NONBLOCK : 0);
    if (event_base_loop(base_, flags) == 1 && !has_more()) break;  // nothing can ever happen again
    if (!tasks_.empty()) run_tasks();
    if (end_of_turn_) {
      begin_call("end of turn");
      end_of_turn_->on_task();
      end_call();
    }
    destroy_some();
    end_turn();
  }
  stopping_ = false;
  destroy_the_dead();
}

void Loop::end_turn() {
  longest_turn_ = std::max(longest_turn_, read_ticks() - turn_begun_);
  turn_begun_ = 0;
  turn_->store(0, std::memory_order_relaxed);
  if (now_ == 0 || now_ - window_us_ < window_length_us) return;
  last_ = pace();
  longest_call_ = longest_turn_ = 0;
  longest_name_ = "";
  window_ticks_ = read_ticks();
  window_us_ = read_clock();
}

double Loop::us_per_tick() const {
  double ticks = static_cast<double>(std::max<std::uint64_t>(read_ticks() - window_ticks_, 1));
  return static_cast<double>(read_clock() - window_us_) / ticks;
}

std::uint64_t Loop::turn_age() const {
  if (turn_begun_ == 0) return 0;
  return static_cast<std::uint64_t>(static_cast<double>(read_ticks() - turn_begun_) *
                                    us_per_tick());
}

Pace Loop::pace() const {
  auto us = [scale = us_per_tick()](std::uint64_t count) {
    return static_cast<std::uint64_t>(static_cast<double>(count) * scale);
  };
  Pace now{us(longest_turn_), us(longest_call_), longest_name_};
  now.turn_us = std::max(now.turn_us, last_.turn_us);
  if (last_.call_us > now.call_us) now.call_us = last_.call_us, now.call = last_.call;
  return now;
}

void Loop::run_tasks() {
  List<Task> due;
  due.splice_back(tasks_);
  while (Task* task = due.pop_front()) call(*task);
}

void Loop::call(Task& task) {
  begin_call("task");
  task.events_.on_task();
  end_call();
}

void Loop::reap(Reaped& object) {
  if (object.dead_) return;
  object.dead_ = true;
  object.next_dead_ = dead_;
  dead_ = &object;
}

void Loop::gather_the_dead() {
  if (!dead_) return;
  (doomed_ ? last_doomed_->next_dead_ : doomed_) = dead_;
  for (Reaped* object = dead_; object; object = object->next_dead_) {
    last_doomed_ = object;
    ++doomed_count_;
  }
  dead_ = nullptr;
}

void Loop::destroy_first() {
  Reaped* object = doomed_;
  doomed_ = object->next_dead_;
  --doomed_count_;
  delete object;
  gather_the_dead();  // it may have been the last who needed another one
}

// To close a connection takes the kernel's time, and one client can make a hundred end at once.  A sixteenth of what
// waits is the least, so there are never more than sixteen turns have brought.
void Loop::destroy_some() {
  gather_the_dead();
  if (!doomed_) return;
  const std::uint64_t until = read_clock() + destroying_us;
  for (std::size_t least = doomed_count_ / 16; doomed_; least -= least > 0 ? 1 : 0) {
    if (least == 0 && read_clock() >= until) break;
    destroy_first();
  }
}

void Loop::destroy_the_dead() {
  gather_the_dead();
  while (doomed_) destroy_first();
}

}  // namespace weir::event
