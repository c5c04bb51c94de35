// SPDX-License-Identifier: Apache-2.0
//
// Share: what a kind of work has taken of a turn of the loop, so that everything else has its turn as well.
#pragma once

#include <cstdint>

namespace weir::proxy {

class Share {
 public:
  /// `turn` is a word that no other turn has: its time.
  void spend(std::uint64_t turn, std::uint64_t us) {
    if (turn != turn_) spent_ = 0;
    turn_ = turn;
    spent_ += us;
  }
  /// Microseconds.
  std::uint64_t spent(std::uint64_t turn) const { return turn == turn_ ? spent_ : 0; }

 private:
  std::uint64_t spent_ = 0, turn_ = 0;
};

}  // namespace weir::proxy
