// SPDX-License-Identifier: Apache-2.0
//
// TwoCopies: a record of many words with one writer, which readers never wait for.  The writer fills
// the idle copy and then publishes it with one store; killed at any instruction it leaves the old
// record or the new one.  A reader that was overtaken twice reads again.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace weir::shm {

template <typename T>
class TwoCopies {
  static_assert(std::is_trivially_copyable_v<T>);

 public:
  /// The only writer.
  void publish(const T& value) {
    std::uint32_t next = version_.load(std::memory_order_relaxed) + 1;
    // Readers of the idle copy are two versions late: they see that the version has moved on, provided
    // that nobody sees the bytes below before the version that was stored by the last call.
    std::atomic_thread_fence(std::memory_order_release);
    std::memcpy(&copies_[next & 1], &value, sizeof(T));
    version_.store(next, std::memory_order_release);
  }

  T read() const {
    while (true) {
      std::uint32_t version = version_.load(std::memory_order_acquire);
      T copy;
      std::memcpy(&copy, &copies_[version & 1], sizeof(T));
      std::atomic_thread_fence(std::memory_order_acquire);
      if (version_.load(std::memory_order_relaxed) == version) return copy;
    }
  }

  /// Changes with every publication; 0 = never published.
  std::uint32_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  std::atomic<std::uint32_t> version_;
  T copies_[2];
};

}  // namespace weir::shm
