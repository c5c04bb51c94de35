// SPDX-License-Identifier: Apache-2.0
#include <weir/arena.h>

#include <cstdlib>

#include "base/assert.h"

namespace weir {

struct Arena::Block {
  Block* next;
  std::size_t size;  ///< whole block, this header included
};

namespace {
constexpr std::size_t header_size = 16;
constexpr int most_free_blocks = 1024;  // 4 MiB: what a burst leaves behind, no more
struct FreeBlock {
  FreeBlock* next;
};
FreeBlock* free_blocks = nullptr;
int free_count = 0;
}  // namespace

void* Arena::allocate_in_new_block(std::size_t size) {
  static_assert(sizeof(Block) <= header_size);
  std::size_t whole = size + header_size <= block_size ? block_size : size + header_size;
  void* memory;
  if (whole == block_size && free_blocks) {
    memory = free_blocks;
    free_blocks = free_blocks->next;
    --free_count;
  } else {
    memory = std::malloc(whole);
    WEIR_ASSERT(memory);
  }
  auto* block = static_cast<Block*>(memory);
  block->size = whole;
  block->next = blocks_;
  blocks_ = block;
  held_ += whole;
  char* first = static_cast<char*>(memory) + header_size;
  // A block of its own leaves the present one in use: there may be much room in it.
  if (whole > block_size) return first;
  next_ = first + size;
  end_ = static_cast<char*>(memory) + whole;
  return first;
}

void Arena::reset() {
  while (blocks_) {
    Block* block = blocks_;
    blocks_ = block->next;
    if (block->size == block_size && free_count < most_free_blocks) {
      auto* spare = reinterpret_cast<FreeBlock*>(block);
      spare->next = free_blocks;
      free_blocks = spare;
      ++free_count;
    } else {
      std::free(block);
    }
  }
  next_ = end_ = nullptr;
  held_ = 0;
}

}  // namespace weir
