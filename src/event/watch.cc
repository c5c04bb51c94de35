// SPDX-License-Identifier: Apache-2.0
#include "event/watch.h"

#include "base/assert.h"

#include <event2/event.h>

namespace weir::event {

void Watch::tell(int, short what, void* object) noexcept {
  auto* watch = static_cast<Watch*>(object);
  // The watch may be gone when the call returns.
  Loop& loop = *watch->loop_;
  loop.begin_call(watch->events_->call_name());
  watch->events_->on_ready(
      {(what & EV_READ) != 0, (what & EV_WRITE) != 0, (what & EV_CLOSED) != 0});
  loop.end_call();
}

void Watch::start(Loop& loop, int fd, Edge edge, ReadyEvents& events) {
  WEIR_ASSERT(!event_);
  int what = EV_PERSIST;
  switch (edge) {
    case Edge::Both: what |= EV_READ | EV_WRITE | EV_CLOSED | EV_ET; break;
    case Edge::LevelRead: what |= EV_READ; break;
    case Edge::LevelWrite: what |= EV_WRITE; break;
  }
  event_ = event_new(loop.base(), fd, static_cast<short>(what), &Watch::tell, this);
  loop_ = &loop;
  events_ = &events;
  WEIR_ASSERT(event_ && event_add(event_, nullptr) == 0);
}

void Watch::ring() {
  if (event_) event_active(event_, EV_READ, 0);
}

void Watch::stop() {
  if (!event_) return;
  event_free(event_);
  event_ = nullptr;
}

}  // namespace weir::event
