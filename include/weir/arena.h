// SPDX-License-Identifier: Apache-2.0
//
// Arena: memory that is handed out by moving a pointer and given back all at once.  A Stream keeps
// its heads, rewritten texts and log strings in one, so that a request costs no malloc: the blocks
// come from a free list that belongs to the process (one thread), and return to it.
//
// Nothing in an arena is ever destroyed one by one; only trivially destructible things belong here.
#pragma once

#include <cstddef>
#include <cstring>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>

namespace weir {

class Arena {
 public:
  /// Size of an ordinary block in bytes, its header included; larger wishes get a block of their own.
  static constexpr std::size_t block_size = 4096;

  Arena() = default;
  ~Arena() { reset(); }
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// `size` bytes, aligned for `align` (a power of two, at most 16).  Never fails: out of memory
  /// ends the process.
  void* allocate(std::size_t size, std::size_t align = alignof(std::max_align_t)) {
    std::size_t pad = (align - reinterpret_cast<std::size_t>(next_) % align) % align;
    if (size + pad > static_cast<std::size_t>(end_ - next_)) return allocate_in_new_block(size);
    char* at = next_ + pad;
    next_ = at + size;
    return at;
  }

  /// `count` uninitialised bytes for text.
  char* text(std::size_t count) { return static_cast<char*>(allocate(count, 1)); }

  /// A copy of `from` that lives as long as the arena's contents.
  std::string_view copy(std::string_view from) {
    if (from.empty()) return {};
    char* to = text(from.size());
    std::memcpy(to, from.data(), from.size());
    return {to, from.size()};
  }

  /// An array of `count` value-initialised objects.
  template <typename T>
  std::span<T> array(std::size_t count) {
    static_assert(std::is_trivially_destructible_v<T>);
    T* first = static_cast<T*>(allocate(sizeof(T) * count, alignof(T)));
    for (std::size_t i = 0; i < count; ++i) new (first + i) T();
    return {first, count};
  }

  /// Gives every block back.  All that was allocated is gone.
  void reset();

  /// Bytes held in blocks now; what memory limits are counted in.
  std::size_t held() const { return held_; }

 private:
  struct Block;
  void* allocate_in_new_block(std::size_t size);

  char* next_ = nullptr;
  char* end_ = nullptr;
  Block* blocks_ = nullptr;
  std::size_t held_ = 0;
};

}  // namespace weir
