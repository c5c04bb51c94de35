// SPDX-License-Identifier: Apache-2.0
//
// NetWorld: what everything that has connections works with: a loop on a clock that the test moves, the outbox, and the read
// buffer.  To be inherited, so that it is there before what uses it and gone after.
#pragma once

#include "event/loop.h"
#include "fakes/manual_clock.h"
#include "net/feed.h"
#include "net/outbox.h"

#include <vector>

namespace weir::test {

struct NetWorld {
  NetWorld() = default;
  NetWorld(const NetWorld&) = delete;
  NetWorld& operator=(const NetWorld&) = delete;

  ManualClock clock;
  event::Loop loop{clock};
  TimeKeeper time{loop, clock};
  net::Outbox outbox{loop};
  std::vector<char> buffer = std::vector<char>(64 * 1024);
  net::Context net{loop, outbox, buffer};
};

}  // namespace weir::test
