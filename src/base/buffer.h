// SPDX-License-Identifier: Apache-2.0
//
// Buffer: bytes that wait, in a chain of blocks from a free list of the process (one thread).
// What a socket does not take at once waits here; an empty Buffer holds no memory.
//
// Inbox: bytes that wait to be understood, in one piece, because a parser wants to see a head whole.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>

namespace weir {

class Buffer {
 public:
  /// Payload of a block in bytes.
  static constexpr std::size_t block_payload = 16 * 1024 - 24;
  /// What a block takes of the memory, with all that belongs to it.
  static constexpr std::size_t block_memory = 16 * 1024;

  Buffer() = default;
  ~Buffer() { clear(); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;

  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }
  /// Bytes of memory that its blocks take, or would take with `more` bytes at the end.
  std::size_t memory(std::size_t more = 0) const { return blocks(more) * block_memory; }

  /// Copies bytes to the end.
  void append(const char* bytes, std::size_t count);

  /// Points up to `most` iovecs at the first bytes; returns how many it filled.
  int peek(iovec* into, int most) const;

  /// Drops the first `count` bytes; `count` <= size().
  void consume(std::size_t count);

  /// Drops all of it; however much that is, it takes no time.
  void clear();

  /// Takes all that another one holds; this one must be empty.
  void take(Buffer& from);

  /// Of the blocks that nobody uses, those beyond 4 MiB go back to the heap, a few at a time, since each takes about
  /// a microsecond.  True if there are more: to be called again soon, but after what others have to do.
  static bool give_back_some();

 private:
  struct Block;
  static Block* take_block();
  static void give_blocks(Block* first, Block* last, std::size_t count);
  std::size_t blocks(std::size_t more) const;

  Block* first_ = nullptr;
  Block* last_ = nullptr;
  std::size_t size_ = 0;
};

class Inbox {
 public:
  Inbox() = default;
  ~Inbox() { clear(); }
  Inbox(const Inbox&) = delete;
  Inbox& operator=(const Inbox&) = delete;

  bool empty() const { return begin_ == end_; }
  std::size_t size() const { return end_ - begin_; }
  std::span<char> bytes() { return {memory_ + begin_, end_ - begin_}; }

  void append(const char* bytes, std::size_t count);

  /// Drops the first `count` bytes; the memory goes when nothing is left.
  void consume(std::size_t count);
  void clear();

 private:
  char* memory_ = nullptr;
  std::size_t begin_ = 0, end_ = 0, capacity_ = 0;
};

}  // namespace weir
