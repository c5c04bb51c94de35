// SPDX-License-Identifier: Apache-2.0
#include "shm/server_table.h"

namespace weir::shm {

std::size_t ServerTable::row_bytes(const Layout& layout) {
  return std::size_t{layout.servers} * sizeof(TwoCopies<ServerRow>);
}
std::size_t ServerTable::column_bytes(const Layout& layout) {
  return std::size_t{layout.servers} * sizeof(TwoCopies<ServerColumns>);
}
std::size_t ServerTable::change_bytes(const Layout& layout) {
  return sizeof(Head) + std::size_t{layout.backends} * sizeof(std::uint64_t);
}

ServerTable::ServerTable(const Segment& segment)
    : rows_(reinterpret_cast<TwoCopies<ServerRow>*>(segment.region("servers").data())),
      columns_(reinterpret_cast<TwoCopies<ServerColumns>*>(segment.region("columns").data())),
      head_(reinterpret_cast<Head*>(segment.region("changes").data())),
      revisions_(reinterpret_cast<std::atomic<std::uint64_t>*>(head_ + 1)),
      capacity_(segment.layout().servers) {}

void ServerTable::publish(std::uint32_t slot, const ServerRow& row, const ServerColumns& columns) {
  // First of all, so that whoever goes on after a death in here does not overlook a new slot; until
  // its row is there it reads as free.
  if (slot >= head_->used.load(std::memory_order_relaxed))
    head_->used.store(slot + 1, std::memory_order_release);
  columns_[slot].publish(columns);
  rows_[slot].publish(row);
  std::uint64_t changes = head_->changes.load(std::memory_order_relaxed);
  // A reader that sees this place of the ring written anew sees also that `changes` has come so far.
  std::atomic_thread_fence(std::memory_order_release);
  head_->ring[changes % ring_size].store(slot, std::memory_order_relaxed);
  head_->changes.store(changes + 1);
}

std::int64_t ServerTable::next_change(std::uint64_t& cursor) const {
  std::uint64_t changes = head_->changes.load(std::memory_order_acquire);
  if (cursor == changes) return -1;
  if (changes - cursor < ring_size) {
    std::uint32_t slot = head_->ring[cursor % ring_size].load(std::memory_order_relaxed);
    std::atomic_thread_fence(std::memory_order_acquire);
    // Overwritten while we read: as good as missed.
    if (head_->changes.load(std::memory_order_relaxed) - cursor < ring_size) {
      ++cursor;
      return slot;
    }
  }
  cursor = changes;
  return -2;
}

}  // namespace weir::shm
