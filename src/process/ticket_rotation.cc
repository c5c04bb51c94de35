// SPDX-License-Identifier: Apache-2.0
#include "process/ticket_rotation.h"

#include "base/wall_time.h"

#include <string.h>
#include <sys/random.h>

namespace weir::process {

namespace {
constexpr std::uint64_t look_us = 60'000'000;  // the clock may be set, and the machine may sleep
}  // namespace

void TicketRotation::start() {
  std::int64_t now = wall_clock_us();
  shm::TicketKeys::Ring ring = keys_.read();
  bool due = ring.count == 0 || now < ring.made_us || now >= ring.made_us + period_us;
  shm::TicketKey key;
  if (due && ::getrandom(&key, sizeof(key), 0) == static_cast<ssize_t>(sizeof(key)))
    keys_.rotate(key, now);
  ::explicit_bzero(&key, sizeof(key));
  deadline_.set(loop_, loop_.now() + look_us);
}

}  // namespace weir::process
