// SPDX-License-Identifier: Apache-2.0
//
// Pooled: gives a class its own free list, so that making and destroying its objects costs no malloc
// once there have been as many as there are at a time.  For objects of one thread only.  The list
// keeps a bounded number, so that a peak is not held for ever.
#pragma once

#include <cstddef>
#include <new>

namespace weir {

/// To be inherited from by T itself (and by no class that is derived from further).
template <typename T>
class Pooled {
 public:
  static void* operator new(std::size_t size) {
    Free* first = list_.first;
    if (!first) return ::operator new(size);
    list_.first = first->next;
    --list_.count;
    return first;
  }

  static void operator delete(void* memory) {
    if (list_.count == most_kept) return ::operator delete(memory);
    list_.first = new (memory) Free{list_.first};
    ++list_.count;
  }

 private:
  struct Free {
    Free* next;
  };
  struct FreeList {
    Free* first = nullptr;
    std::size_t count = 0;
    ~FreeList() {
      while (Free* memory = first) {
        first = memory->next;
        ::operator delete(memory);
      }
    }
  };
#if defined(__SANITIZE_ADDRESS__)
  static constexpr std::size_t most_kept = 0;  // so that a use after the end is found
#else
  static constexpr std::size_t most_kept = 256;
#endif
  inline static FreeList list_;
};

}  // namespace weir
