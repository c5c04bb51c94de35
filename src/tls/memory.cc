// SPDX-License-Identifier: Apache-2.0
//
// The heap knows the size of each block, so nothing is written beside it: a block may come from the heap and
// return to a list, or the other way round.
#include "tls/memory.h"

#include <openssl/crypto.h>

#include <malloc.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <new>

namespace weir::tls {

namespace {

constexpr std::size_t granule = 16;
constexpr std::size_t smallest = 24;  // what the heap gives out at least
constexpr std::size_t largest =
    24 * 1024;  // two records' buffers, and whatever else a connection has
constexpr std::size_t small = 1024;
constexpr std::uint16_t most_small = 128, most_large = 8;  // of each size

// Under ASan the heap finds who uses what is gone.
#if defined(__SANITIZE_ADDRESS__)
constexpr bool may_keep = false;
#else
constexpr bool may_keep = true;
#endif

struct Free {
  Free* next;
};

struct List {
  Free* first = nullptr;
  std::uint16_t count = 0;
};

std::array<List, largest / granule + 1> lists;
thread_local bool is_keeper = false;

// Every block in this list has room for `size` bytes.
std::size_t list_for(std::size_t size) {
  return size <= smallest ? 0 : (size - smallest + granule - 1) / granule;
}

void* take(std::size_t size, const char*, int) {
  const std::size_t index = list_for(size);
  if (is_keeper && index < lists.size()) {
    List& list = lists[index];
    if (Free* block = list.first) {
      list.first = block->next;
      --list.count;
      return block;
    }
  }
  return std::malloc(size);
}

void give(void* memory, const char*, int) {
  if (!memory) return;
  if (!is_keeper) return std::free(memory);
  const std::size_t size = ::malloc_usable_size(memory);
  const std::size_t index = size < smallest ? lists.size() : (size - smallest) / granule;
  if (index >= lists.size()) return std::free(memory);
  List& list = lists[index];
  if (list.count == (size <= small ? most_small : most_large)) return std::free(memory);
  list.first = new (memory) Free{list.first};
  ++list.count;
}

void* resize(void* memory, std::size_t size, const char* file, int line) {
  if (!memory) return take(size, file, line);
  if (size == 0) return give(memory, file, line), nullptr;
  const std::size_t before = ::malloc_usable_size(memory);
  if (size <= before) return memory;
  void* larger = take(size, file, line);
  if (!larger) return nullptr;
  std::memcpy(larger, memory, before);
  give(memory, file, line);
  return larger;
}

}  // namespace

void keep_memory() {
  if (may_keep && CRYPTO_set_mem_functions(take, resize, give) == 1) is_keeper = true;
}

}  // namespace weir::tls
