// SPDX-License-Identifier: Apache-2.0
//
// AddressTable: the addresses that control found for servers given by name.  Two copies and an index:
// control writes the idle copy, then publishes; a reader never waits and never sees a mixture, unless
// two changes fall into one copy's reading, which the index tells and it reads again.
#pragma once

#include "shm/segment.h"

#include <atomic>
#include <cstdint>
#include <cstring>

namespace weir::shm {

/// A socket address as bytes; size 0 = none yet.
struct ResolvedAddress {
  std::uint32_t size = 0;
  std::byte bytes[28] = {};
};

class AddressTable {
 public:
  explicit AddressTable(const Segment& segment)
      : rows_(reinterpret_cast<Row*>(segment.region("addresses").data())) {}

  static std::size_t bytes(const Layout& layout) { return sizeof(Row) * layout.servers; }

  /// Control only.
  void publish(std::uint32_t server, const ResolvedAddress& address) {
    Row& row = rows_[server];
    std::uint32_t next = row.version.load(std::memory_order_relaxed) + 1;
    row.copies[next & 1] = address;
    row.version.store(next, std::memory_order_release);
  }

  /// Changes with every publication; 0 = never published.
  std::uint32_t version(std::uint32_t server) const {
    return rows_[server].version.load(std::memory_order_acquire);
  }

  ResolvedAddress read(std::uint32_t server) const {
    const Row& row = rows_[server];
    while (true) {
      std::uint32_t version = row.version.load(std::memory_order_acquire);
      ResolvedAddress copy;
      std::memcpy(&copy, &row.copies[version & 1], sizeof(copy));
      std::atomic_thread_fence(std::memory_order_acquire);
      if (row.version.load(std::memory_order_relaxed) == version) return copy;
    }
  }

 private:
  struct Row {
    std::atomic<std::uint32_t> version;
    ResolvedAddress copies[2];
  };
  Row* rows_;
};

}  // namespace weir::shm
