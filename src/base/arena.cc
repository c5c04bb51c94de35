// SPDX-License-Identifier: Apache-2.0
//
// Where an arena's blocks come from.  Each process has one thread and one list of spare blocks, so
// that taking and giving back is two moves of a pointer; a burst leaves only so many behind.
#include <weir/arena.h>

#include "base/assert.h"

#include <cstdlib>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define WEIR_SANITIZED_BY_ADDRESS 1
#endif
#elif defined(__SANITIZE_ADDRESS__)
#define WEIR_SANITIZED_BY_ADDRESS 1
#endif

namespace weir {

struct alignas(16) Arena::Block {
  Block* next;
  std::size_t size;  ///< of the whole block, this header included
};

namespace {

#if defined(WEIR_SANITIZED_BY_ADDRESS)
// Whoever looks at a head after its stream has gone shall be found out.
constexpr int most_spares = 0;
#else
constexpr int most_spares = 1024;  // 4 MiB
#endif

struct Spare {
  Spare* next;
};

Spare* spares = nullptr;
int spare_count = 0;

void* take_block(std::size_t size) {
  if (size == Arena::block_size && spares) {
    Spare* const spare = spares;
    spares = spare->next;
    --spare_count;
    return spare;
  }
  void* const memory = std::malloc(size);
  WEIR_ASSERT(memory);
  return memory;
}

void give_block(void* memory, std::size_t size) {
  if (size != Arena::block_size || spare_count >= most_spares) return std::free(memory);
  spares = new (memory) Spare{spares};
  ++spare_count;
}

}  // namespace

void* Arena::allocate_in_new_block(std::size_t size) {
  const bool is_ordinary = size <= block_size - sizeof(Block);
  const std::size_t whole = is_ordinary ? block_size : size + sizeof(Block);
  WEIR_ASSERT(whole > size);
  blocks_ = new (take_block(whole)) Block{blocks_, whole};
  held_ += whole;
  char* const first = reinterpret_cast<char*>(blocks_ + 1);
  // A block of its own leaves the present one in use: there may be much room in it.
  if (is_ordinary) {
    next_ = first + size;
    end_ = first + (whole - sizeof(Block));
  }
  return first;
}

void Arena::reset() {
  while (Block* const block = blocks_) {
    blocks_ = block->next;
    give_block(block, block->size);
  }
  next_ = end_ = nullptr;
  held_ = 0;
}

}  // namespace weir
