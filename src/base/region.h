// SPDX-License-Identifier: Apache-2.0
//
// Region: the memory of one owner that allocates a lot of nearly empty memory and rests most of the time (a
// protocol's state machine of a library, behind an idle connection).  While it rests, what is not zero is
// kept in short form and the pages go back to the kernel; when it wakes, everything is where it was.
//
// For owners of one thread only, whose memory nobody else touches.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

namespace weir {

class Region {
 public:
  /// Beyond this, and for what is large and comes late, memory is the heap's and does not rest.
  static constexpr std::size_t capacity = 32 * 1024;

  Region();
  ~Region();
  Region(const Region&) = delete;
  Region& operator=(const Region&) = delete;

  // As malloc, calloc, realloc and free; never null.  Not while it rests.

  void* take(std::size_t size);
  void* take_cleared(std::size_t size);
  void* resize(void* memory, std::size_t size);
  void give(void* memory);

  /// Nothing in it may be touched until `wake`.
  void rest();
  void wake();
  bool is_resting() const { return kept_ != nullptr; }

 private:
  struct Free;
  struct Front;

  bool owns(const void* memory) const;
  Front& front() const;
  void* carve(std::size_t bytes);
  void clear_free();

  char* const pages_;
  std::unique_ptr<std::uint64_t[]> kept_;  ///< while it rests
  std::size_t used_;                       ///< bytes from the front that were ever given out
};

}  // namespace weir
