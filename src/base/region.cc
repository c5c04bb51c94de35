// SPDX-License-Identifier: Apache-2.0
//
// A block is a word with its size, and what its owner sees of it, aligned as malloc does.  Small ones that were
// given back wait in lists by size, whose heads lie in the region too: so all of it comes back by a wake.  What
// a busy owner needs beyond the region comes from the heap, by lists that all owners share.
#include "base/region.h"

#include "base/assert.h"

#include <sys/mman.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <vector>

#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#endif

namespace weir {

namespace {

constexpr std::size_t granule = 16;
constexpr std::size_t head_size = sizeof(std::uint64_t);
constexpr std::size_t largest_kept = 1024;  // of blocks that can be given out again
constexpr std::size_t slots_at_a_time = 64;
#if defined(__SANITIZE_ADDRESS__)
constexpr std::size_t most_spare = 0;  // so that a use after the end is found
#else
constexpr std::size_t most_spare = 1 << 20;  // bytes that a burst leaves behind
#endif

// Without an owner, and all zero.
std::vector<char*>& spare_slots() {
  static std::vector<char*> slots;
  return slots;
}

void drop_pages(char* slot) { (void)::madvise(slot, Region::capacity, MADV_DONTNEED); }

// The mappings stay for ever; what matters are the pages in use.
void map_slots() {
  constexpr std::size_t size = slots_at_a_time * Region::capacity;
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  WEIR_ASSERT(memory != MAP_FAILED);
  // One huge page would be more than all of them need.
  (void)::madvise(memory, size, MADV_NOHUGEPAGE);
  for (std::size_t i = slots_at_a_time; i-- > 0;)
    spare_slots().push_back(static_cast<char*>(memory) + i * Region::capacity);
}

char* take_slot() {
  std::vector<char*>& spare = spare_slots();
  if (spare.empty()) map_slots();
  char* slot = spare.back();
  spare.pop_back();
  return slot;
}

void give_slot(char* slot) {
  drop_pages(slot);
  spare_slots().push_back(slot);
}

std::uint64_t& head_of(void* memory) { return static_cast<std::uint64_t*>(memory)[-1]; }

std::size_t size_of(void* memory) { return head_of(memory) - head_size; }

void* checked(void* memory) {
  WEIR_ASSERT(memory);
  return memory;
}

struct Spare {
  Spare* next;
};

Spare* spares[largest_kept / granule + 1];
std::size_t spare_bytes = 0;

// As many bytes as one in the region, its head included.
void* take_beyond(std::size_t bytes) {
  if (bytes <= largest_kept) {
    Spare*& list = spares[bytes / granule];
    if (Spare* block = list) {
      list = block->next;
      spare_bytes -= bytes;
      return block;
    }
  }
  char* memory = static_cast<char*>(checked(std::malloc(bytes + head_size))) + granule;
  head_of(memory) = bytes;
  return memory;
}

void give_beyond(void* memory) {
  const std::size_t bytes = head_of(memory);
  if (bytes > largest_kept || spare_bytes + bytes > most_spare)
    return std::free(static_cast<char*>(memory) - granule);
  Spare*& list = spares[bytes / granule];
  list = new (memory) Spare{list};
  spare_bytes += bytes;
}

// Under ASan, whoever touches what rests is found.
void forbid([[maybe_unused]] char* pages, [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_POISON_MEMORY_REGION(pages, size);
#endif
}

void allow([[maybe_unused]] char* pages, [[maybe_unused]] std::size_t size) {
#if defined(__SANITIZE_ADDRESS__)
  ASAN_UNPOISON_MEMORY_REGION(pages, size);
#endif
}

// Words that are not zero, in runs: a word that says where (upper half) and how many (lower half), then they;
// a zero at the end.
std::size_t write_runs(const std::uint64_t* words, std::size_t count, std::uint64_t* into) {
  std::size_t size = 0;
  for (std::size_t i = 0; i < count;) {
    if (words[i] == 0) {
      ++i;
      continue;
    }
    std::size_t end = i + 1;
    while (end < count && words[end] != 0) ++end;
    if (into) {
      into[size] = static_cast<std::uint64_t>(i) << 32 | (end - i);
      std::copy(words + i, words + end, into + size + 1);
    }
    size += 1 + end - i;
    i = end;
  }
  if (into) into[size] = 0;
  return size + 1;
}

void read_runs(const std::uint64_t* from, std::uint64_t* words) {
  while (*from != 0) {
    const std::size_t at = *from >> 32, count = *from & UINT32_MAX;
    std::copy(from + 1, from + 1 + count, words + at);
    from += 1 + count;
  }
}

}  // namespace

struct Region::Free {
  Free* next;
};

struct Region::Front {
  Free* free[largest_kept / granule + 1];  ///< given back, by size in granules
};

// Behind the head of a block all is aligned.
Region::Region()
    : pages_(take_slot()), used_((sizeof(Front) / granule + 1) * granule + granule - head_size) {}

Region::~Region() {
  if (is_resting()) allow(pages_, capacity);
  give_slot(pages_);
}

Region::Front& Region::front() const { return *reinterpret_cast<Front*>(pages_); }

bool Region::owns(const void* memory) const {
  const auto at = reinterpret_cast<std::uintptr_t>(memory);
  const auto begin = reinterpret_cast<std::uintptr_t>(pages_);
  return at >= begin && at < begin + capacity;
}

// From what was never given out; null if that is not enough.
void* Region::carve(std::size_t bytes) {
  if (bytes > capacity - used_) return nullptr;
  char* memory = pages_ + used_ + head_size;
  used_ += bytes;
  head_of(memory) = bytes;
  return memory;
}

void* Region::take(std::size_t size) {
  const std::size_t bytes = (size + head_size + granule - 1) / granule * granule;
  if (bytes <= largest_kept) {
    Free*& list = front().free[bytes / granule];
    if (Free* block = list) {
      list = block->next;
      return block;
    }
  }
  void* memory = carve(bytes);
  return memory ? memory : take_beyond(bytes);
}

void* Region::take_cleared(std::size_t size) {
  void* memory = take(size);
  std::memset(memory, 0, size);
  return memory;
}

void* Region::resize(void* memory, std::size_t size) {
  if (!memory) return take(size);
  const std::size_t before = size_of(memory);
  if (size <= before) return memory;
  void* larger = take(size);
  std::memcpy(larger, memory, before);
  give(memory);
  return larger;
}

void Region::give(void* memory) {
  if (!memory) return;
  if (!owns(memory)) return give_beyond(memory);
  const std::size_t bytes = head_of(memory);
  if (bytes > largest_kept) return;
  Free*& list = front().free[bytes / granule];
  list = new (memory) Free{list};
}

// What was in them is of no use to anybody.
void Region::clear_free() {
  for (Free* list : front().free)
    for (Free* block = list; block; block = block->next)
      std::memset(block + 1, 0, size_of(block) - sizeof(Free));
}

void Region::rest() {
  if (is_resting()) return;
  clear_free();
  const auto* words = reinterpret_cast<const std::uint64_t*>(pages_);
  const std::size_t count = used_ / sizeof(std::uint64_t);
  kept_.reset(new std::uint64_t[write_runs(words, count, nullptr)]);
  write_runs(words, count, kept_.get());
  drop_pages(pages_);
  forbid(pages_, capacity);
}

void Region::wake() {
  if (!is_resting()) return;
  allow(pages_, capacity);
  read_runs(kept_.get(), reinterpret_cast<std::uint64_t*>(pages_));
  kept_.reset();
}

}  // namespace weir
