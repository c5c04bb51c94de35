// SPDX-License-Identifier: Apache-2.0
//
// Random: a small fast generator for load balancing and identifiers (xoshiro256**, Blackman and Vigna
// 2018).  Not for secrets.  Seeded once; the same seed gives the same sequence, which tests rely on.
#pragma once

#include <bit>
#include <cstdint>

namespace weir {

class Random {
 public:
  explicit Random(std::uint64_t seed) {
    // splitmix64, as the authors advise for filling the state.
    for (std::uint64_t& word : state_) {
      seed += 0x9e3779b97f4a7c15;
      std::uint64_t z = seed;
      z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
      z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
      word = z ^ (z >> 31);
    }
  }

  std::uint64_t operator()() {
    std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    std::uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  /// A number below `bound` (> 0), evenly spread (the bias is below 2^-32).
  std::uint32_t below(std::uint32_t bound) {
    return static_cast<std::uint32_t>(((*this)() >> 32) * bound >> 32);
  }

 private:
  std::uint64_t state_[4];
};

}  // namespace weir
