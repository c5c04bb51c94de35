// SPDX-License-Identifier: Apache-2.0
#include "event/loop.h"

#include "base/assert.h"
#include "event/deadline.h"

#include <event2/event.h>

#include <time.h>

namespace weir::event {

Loop::Loop() {
  event_config* config = event_config_new();
  WEIR_ASSERT(config);
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE);
  base_ = event_base_new_with_config(config);
  event_config_free(config);
  WEIR_ASSERT(base_);
  wheel_ = new Wheel(*this);
}

Loop::~Loop() {
  destroy_the_dead();
  delete wheel_;
  event_base_free(base_);
}

void Loop::run() {
  while (!stopping_) {
    now_ = 0;
    int flags = EVLOOP_ONCE | (tasks_.empty() ? 0 : EVLOOP_NONBLOCK);
    if (event_base_loop(base_, flags) == 1 && tasks_.empty())
      break;  // nothing can ever happen again
    run_tasks();
    if (end_of_turn_) end_of_turn_->on_task();
    destroy_the_dead();
  }
}

void Loop::run_tasks() {
  List<Task> due;
  due.splice_back(tasks_);
  while (Task* task = due.pop_front()) task->events_.on_task();
}

void Loop::reap(Reaped& object) {
  if (object.dead_) return;
  object.dead_ = true;
  object.next_dead_ = dead_;
  dead_ = &object;
}

void Loop::destroy_the_dead() {
  while (dead_) {
    Reaped* object = dead_;
    dead_ = object->next_dead_;
    delete object;
  }
}

std::uint64_t Loop::read_clock() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace weir::event
