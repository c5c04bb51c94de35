// SPDX-License-Identifier: Apache-2.0
//
// Reading what another process may be changing at this moment, by a fault or on purpose.  A value is copied first; what is
// checked and what is used is the copy.  Without the barrier the compiler might read the shared original again.
#pragma once

#include <cstdint>
#include <cstring>
#include <type_traits>

namespace weir::shm {

/// A copy of `shared`, whose later changes have no effect on it.  It may be torn, and any bits may be set in it: numbers are
/// to be compared with their limits, texts to be ended, and bools to go through `normalise`, before anything else.
template <typename T>
T copy_out(const T& shared) {
  static_assert(std::is_trivially_copyable_v<T>);
  T copy;
  std::memcpy(&copy, &shared, sizeof(T));
  __asm__ volatile("" : "+m"(copy) : : "memory");
  return copy;
}

/// Makes a bool of whatever byte a copied one holds; any but 0 is true.
inline void normalise(bool& copied) {
  std::uint8_t byte;
  std::memcpy(&byte, &copied, sizeof(byte));
  copied = byte != 0;
}

/// Ends a copied text within its field.
template <std::size_t size>
void end_text(char (&copied)[size]) {
  copied[size - 1] = 0;
}

/// The difference of two counts, of which the second should not be larger; 0 if it is.
inline std::uint64_t less(std::uint64_t count, std::uint64_t by) {
  return count > by ? count - by : 0;
}

}  // namespace weir::shm
