// SPDX-License-Identifier: Apache-2.0
#include "event/deadline.h"

#include "base/assert.h"

#include <event2/event.h>

#include <algorithm>
#include <bit>

namespace weir::event {

void Deadline::set(Loop& loop, std::uint64_t at) {
  at_ = at;
  if (at == 0) return;
  // What is wanted a second later or more is moved at once (so at most once a second), not looked at
  // for nothing: an idle process is not woken.
  std::uint64_t tick = at / Wheel::tick_us + 1;
  if (is_linked() && due_ <= tick && !(near_ && tick - due_ >= Wheel::slots)) return;
  unlink();
  loop.wheel().place(*this);
}

Wheel::Wheel(Loop& loop)
    : loop_(loop), timer_(event_new(loop.base(), -1, 0, &Wheel::tell, this)), more_(*this) {
  WEIR_ASSERT(timer_);
  served_ = loop_.read_clock() / tick_us;
}

Wheel::~Wheel() { event_free(timer_); }

void Wheel::place(Deadline& deadline) {
  std::uint64_t tick = std::max(deadline.at_ / tick_us + 1, served_ + 1);
  std::uint64_t away = tick - served_;
  int level = away < slots ? 0 : away < slots * slots ? 1 : 2;
  if (away >= std::uint64_t{slots} * slots * slots)
    tick = served_ + std::uint64_t{slots} * slots * slots - 1;
  int shift = level * slot_bits;
  // On the upper levels a slot is looked at when it begins, so take the one that holds the tick.
  deadline.due_ = tick >> shift << shift;
  deadline.near_ = level < 2;
  int index = static_cast<int>(tick >> shift) & (slots - 1);
  slot_[level][index].push_back(deadline);
  used_[level] |= std::uint64_t{1} << index;
  if (armed_ == 0 || deadline.due_ < armed_) arm();
}

std::uint64_t Wheel::next_tick() const {
  std::uint64_t best = 0;
  for (int level = 0; level < levels; ++level) {
    if (used_[level] == 0) continue;
    int shift = level * slot_bits;
    std::uint64_t now = served_ >> shift;
    // Rotate so that the slot after the present one is bit 0: its distance is 1.
    std::uint64_t ahead = std::rotr(used_[level], static_cast<int>((now + 1) & (slots - 1)));
    std::uint64_t tick = (now + 1 + static_cast<unsigned>(std::countr_zero(ahead))) << shift;
    if (best == 0 || tick < best) best = tick;
  }
  return best;
}

void Wheel::arm() {
  armed_ = next_tick();
  if (armed_ == 0) {
    event_del(timer_);
    return;
  }
  std::uint64_t at = armed_ * tick_us, now = loop_.read_clock();
  std::uint64_t wait = at > now ? at - now : 0;
  timeval interval{static_cast<time_t>(wait / 1'000'000),
                   static_cast<suseconds_t>(wait % 1'000'000)};
  event_add(timer_, &interval);
}

void Wheel::serve_soon() {
  const timeval now{};
  event_add(timer_, &now);
}

void Wheel::tell(int, short, void* object) noexcept {
  auto* wheel = static_cast<Wheel*>(object);
  wheel->loop_.begin_call("deadlines");
  wheel->turn();
  wheel->loop_.end_call();
}

void Wheel::turn() {
  const std::uint64_t now_us = loop_.read_clock(), now = now_us / tick_us;
  if (serving_ == 0) {
    serving_ = armed_;
    waiting_since_ = now_us;
  }
  for (std::uint64_t tick = next_tick(); tick != 0 && tick <= now; tick = next_tick()) {
    served_ = tick;
    for (int level = levels - 1; level >= 0; --level) {
      int shift = level * slot_bits;
      if ((tick & ((std::uint64_t{1} << shift) - 1)) != 0) continue;
      int index = static_cast<int>(tick >> shift) & (slots - 1);
      if (!((used_[level] >> index) & 1)) continue;
      used_[level] &= ~(std::uint64_t{1} << index);
      due_.splice_back(slot_[level][index]);
    }
  }
  served_ = std::max(served_, now);
  arm();
  serve_some(now_us);
}

void Wheel::serve_some(std::uint64_t now) {
  const std::uint64_t until = now + share_us + (now - waiting_since_) / waiting_share;
  while (Deadline* deadline = due_.pop_front()) {
    if (deadline->at_ == 0) continue;
    if (deadline->at_ / tick_us >= served_) {
      place(*deadline);
      continue;
    }
    deadline->at_ = 0;
    deadline->events_.on_deadline();
    if (loop_.read_clock() >= until) break;
  }
  if (due_.empty())
    serving_ = 0;
  else
    loop_.post(more_);
}

}  // namespace weir::event
