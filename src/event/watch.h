// SPDX-License-Identifier: Apache-2.0
//
// Watch: readiness of one descriptor, told to one object, until it is destroyed.  Edge-triggered
// watches are added once and never changed: whoever is told must go on until EAGAIN, or remember
// that there is more.  Level-triggered ones are for what is drained by a single call.
#pragma once

#include "event/loop.h"

struct event;

namespace weir::event {

/// What a descriptor is ready for.
struct Ready {
  bool read;
  bool write;
  bool closed;  ///< the peer has shut down its side; there may be bytes before that
};

class ReadyEvents {
 public:
  virtual void on_ready(Ready ready) noexcept = 0;
  /// What this is, for the record of the longest calls; a static text.
  virtual const char* call_name() const noexcept { return "watch"; }

 protected:
  ~ReadyEvents() = default;
};

class Watch {
 public:
  enum class Edge { Both, LevelRead, LevelWrite };

  Watch() = default;
  ~Watch() { stop(); }
  Watch(const Watch&) = delete;
  Watch& operator=(const Watch&) = delete;

  /// Starts to tell `events`.  Must be stopped before the descriptor is closed.
  void start(Loop& loop, int fd, Edge edge, ReadyEvents& events);
  void stop();
  bool is_started() const { return event_ != nullptr; }
  /// Tells of readiness to read in the next turn, whatever the descriptor says; nothing if it is not started.
  void ring();

 private:
  static void tell(int, short what, void* watch) noexcept;

  Loop* loop_ = nullptr;
  ReadyEvents* events_ = nullptr;
  ::event* event_ = nullptr;
};

}  // namespace weir::event
