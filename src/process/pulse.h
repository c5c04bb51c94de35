// SPDX-License-Identifier: Apache-2.0
//
// Pulse: does a worker's loop turn?  The master looks now and then at the number of its present turn, and
// counts for how long it has seen the same one.  It counts its own looks and not the clock, so a machine
// that slept, or a master that was late itself, never makes a worker look dead.
#pragma once

#include <algorithm>
#include <cstdint>

namespace weir::process {

class Pulse {
 public:
  static constexpr std::uint64_t look_us = 250'000;    ///< from one look to the next
  static constexpr std::uint64_t rest_us = 1'000'000;  ///< the same when all were seen asleep
  static constexpr std::uint64_t late_us = 1'000'000;  ///< a turn so long is noticed

  /// `turn` is as WorkerState::turn; who is stopped by a signal does not turn, whatever it waits for.
  /// `since_us` is the time since the last look.
  void look(std::uint64_t turn, bool is_stopped, std::uint64_t since_us) {
    bool moves = !is_stopped && (turn == 0 || turn != turn_);
    turn_ = turn;
    held_us_ = moves ? 0 : held_us_ + std::min(since_us, 2 * look_us);
  }
  /// For how long it has not turned, as far as it was seen.
  std::uint64_t held_us() const { return held_us_; }
  bool is_late() const { return held_us_ >= late_us; }
  /// Its loop waited for something to do, as far as it was seen.
  bool is_asleep() const { return turn_ == 0 && held_us_ == 0; }

 private:
  std::uint64_t turn_ = 0, held_us_ = 0;
};

/// How long to wait before a process is started again that has died young so many times in a row: not at
/// all the first time, then 100 ms, twice as long each further time, at most 10 s.
constexpr std::uint64_t back_off_us(std::uint32_t young_deaths) {
  constexpr std::uint64_t first = 100'000, longest = 10'000'000;
  if (young_deaths < 2) return 0;
  return std::min(first << std::min<std::uint32_t>(young_deaths - 2, 16), longest);
}

}  // namespace weir::process
