// SPDX-License-Identifier: Apache-2.0
#include "base/buffer.h"

#include "base/assert.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace weir {

struct Buffer::Block {
  Block* next;
  std::uint32_t begin;
  std::uint32_t end;
  char bytes[block_payload];
};

namespace {
constexpr std::size_t most_free_blocks = 256;  // 4 MiB: what a burst leaves behind, no more
constexpr int given_back_at_once = 16;
struct FreeBlocks {
  void* first = nullptr;
  std::size_t count = 0;
} free_blocks;
}  // namespace

Buffer::Block* Buffer::take_block() {
  Block* block;
  if (free_blocks.first) {
    block = static_cast<Block*>(free_blocks.first);
    free_blocks.first = block->next;
    --free_blocks.count;
  } else {
    block = static_cast<Block*>(std::malloc(sizeof(Block)));
    WEIR_ASSERT(block);
  }
  block->next = nullptr;
  block->begin = block->end = 0;
  return block;
}

void Buffer::give_blocks(Block* first, Block* last, std::size_t count) {
  last->next = static_cast<Block*>(free_blocks.first);
  free_blocks.first = first;
  free_blocks.count += count;
}

bool Buffer::give_back_some() {
  for (int i = 0; free_blocks.count > most_free_blocks; ++i) {
    if (i == given_back_at_once) return true;
    std::free(take_block());
  }
  return false;
}

void Buffer::append(const char* bytes, std::size_t count) {
  size_ += count;
  while (count > 0) {
    if (!last_ || last_->end == block_payload) {
      Block* fresh = take_block();
      (last_ ? last_->next : first_) = fresh;
      last_ = fresh;
    }
    std::size_t part = std::min<std::size_t>(count, block_payload - last_->end);
    std::memcpy(last_->bytes + last_->end, bytes, part);
    last_->end += static_cast<std::uint32_t>(part);
    bytes += part;
    count -= part;
  }
}

int Buffer::peek(iovec* into, int most) const {
  int count = 0;
  for (Block* block = first_; block && count < most; block = block->next)
    into[count++] = {block->bytes + block->begin, block->end - block->begin};
  return count;
}

void Buffer::consume(std::size_t count) {
  WEIR_ASSERT(count <= size_);
  size_ -= count;
  while (count > 0) {
    std::size_t part = std::min<std::size_t>(count, first_->end - first_->begin);
    first_->begin += static_cast<std::uint32_t>(part);
    count -= part;
    if (first_->begin < first_->end) break;
    Block* empty = first_;
    first_ = empty->next;
    if (!first_) last_ = nullptr;
    give_blocks(empty, empty, 1);
  }
}

// All blocks but the last one are full.
std::size_t Buffer::blocks(std::size_t more) const {
  if (size_ + more == 0) return 0;
  const std::size_t gone = first_ ? first_->begin : 0;
  return (gone + size_ + more + block_payload - 1) / block_payload;
}

void Buffer::clear() {
  if (size_ == 0) return;
  give_blocks(first_, last_, blocks(0));
  first_ = last_ = nullptr;
  size_ = 0;
}

void Buffer::take(Buffer& from) {
  first_ = std::exchange(from.first_, nullptr);
  last_ = std::exchange(from.last_, nullptr);
  size_ = std::exchange(from.size_, 0);
}

void Inbox::append(const char* bytes, std::size_t count) {
  if (count == 0) return;
  if (capacity_ - end_ < count) {
    std::size_t held = size();
    std::size_t wanted = std::max<std::size_t>(2048, (held + count) * 2);
    char* memory = static_cast<char*>(std::malloc(wanted));
    WEIR_ASSERT(memory);
    if (held > 0) std::memcpy(memory, memory_ + begin_, held);
    std::free(memory_);
    memory_ = memory;
    begin_ = 0;
    end_ = held;
    capacity_ = wanted;
  }
  std::memcpy(memory_ + end_, bytes, count);
  end_ += count;
}

void Inbox::consume(std::size_t count) {
  WEIR_ASSERT(count <= size());
  begin_ += count;
  if (empty()) clear();
}

void Inbox::clear() {
  std::free(memory_);
  memory_ = nullptr;
  begin_ = end_ = capacity_ = 0;
}

}  // namespace weir
