// SPDX-License-Identifier: Apache-2.0
//
// TicketRotation: makes the keys of session tickets, in control: the first one before there are workers, and
// a new one every few hours.  Its successor goes on with those that are in shared memory.
#pragma once

#include "event/deadline.h"
#include "shm/ticket_keys.h"

namespace weir::process {

class TicketRotation final : private event::DeadlineEvents {
 public:
  /// A key encrypts for so long, and is accepted for twice as long.
  static constexpr std::int64_t period_us = std::int64_t{4} * 3600 * 1'000'000;

  TicketRotation(event::Loop& loop, const shm::Segment& segment)
      : loop_(loop), keys_(segment), deadline_(*this) {}

  /// Makes a key if there is none, or if the newest one is old enough; and from now on by itself.
  void start();

 private:
  void on_deadline() noexcept override { start(); }

  event::Loop& loop_;
  shm::TicketKeys keys_;
  event::Deadline deadline_;
};

}  // namespace weir::process
