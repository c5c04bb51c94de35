// SPDX-License-Identifier: Apache-2.0
#include "shm/log_ring.h"

#include "shm/copy_out.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace weir::shm {

namespace {
constexpr std::size_t control_bytes = 4096;
}

std::size_t LogRing::bytes(const Layout& layout) {
  return (control_bytes + capacity) * RingOf::count(layout.workers);
}

LogRing::LogRing(const Segment& segment, std::uint32_t ring) {
  static_assert(sizeof(Control) <= control_bytes);
  std::byte* begin = segment.region("rings").data() + (control_bytes + capacity) * ring;
  control_ = reinterpret_cast<Control*>(begin);
  bytes_ = reinterpret_cast<char*>(begin + control_bytes);
}

// Puts a record behind the head; returns what head is with it, or 0 if there is no room.
std::uint64_t LogRing::write(Kind kind, std::string_view line) {
  line = line.substr(0, longest_line);
  control_->staged.store(0);
  std::uint64_t head = control_->head.load(std::memory_order_relaxed);
  std::uint64_t tail = control_->tail.load(std::memory_order_acquire);
  std::size_t at = head % capacity, need = padded(line.size());
  std::size_t unused = capacity - at < need ? capacity - at : 0;  // records do not wrap
  if (head + unused + need - tail > capacity) {
    control_->dropped.fetch_add(1, std::memory_order_relaxed);
    return 0;
  }
  if (unused > 0) {
    Record filler{skip, 0};
    std::memcpy(bytes_ + at, &filler, sizeof(filler));
    at = 0;
  }
  Record record{static_cast<std::uint32_t>(line.size()), static_cast<std::uint32_t>(kind)};
  std::memcpy(bytes_ + at, &record, sizeof(record));
  std::memcpy(bytes_ + at + sizeof(record), line.data(), line.size());
  return head + unused + need;
}

bool LogRing::publish(Kind kind, std::uint64_t head) {
  control_->head.store(head);
  // The writer looks once more after saying that it sleeps, so one of us sees the other.
  const std::uint32_t state = control_->state.load();
  if (state == awake) return false;
  const auto used = head - control_->tail.load(std::memory_order_relaxed);
  if (state == resting && kind == Kind::Access &&
      used < control_->most.load(std::memory_order_relaxed))
    return false;
  return control_->state.exchange(awake) != awake;
}

bool LogRing::push(Kind kind, std::string_view line) {
  std::uint64_t head = write(kind, line);
  return head != 0 && publish(kind, head);
}

void LogRing::stage(Kind kind, std::string_view line) { control_->staged.store(write(kind, line)); }

bool LogRing::settle(bool keep) {
  std::uint64_t head = control_->staged.load();
  if (head == 0) return false;
  // Killed between the two stores, the line is published again, which changes nothing.
  bool wake = keep && publish(Kind::Access, head);
  control_->staged.store(0);
  return wake;
}

// The producer may have left anything in here.  The cursor is at the head if there is no further line, else before what cannot
// be one.
bool LogRing::next(std::uint64_t& cursor, std::uint64_t head, Line& line) const {
  while (cursor != head) {
    const std::uint64_t left = head - cursor;
    const std::size_t at = cursor % capacity, room = std::min<std::uint64_t>(capacity - at, left);
    if (left > capacity || at % alignof(Record) != 0 || room < sizeof(Record)) break;
    const Record record = copy_out(*reinterpret_cast<const Record*>(bytes_ + at));
    if (record.size == skip && room == capacity - at) {
      cursor += room;
      continue;
    }
    if (record.size > longest_line || padded(record.size) > room) break;
    line = {static_cast<Kind>(record.kind), {bytes_ + at + sizeof(record), record.size}};
    cursor += padded(record.size);
    return true;
  }
  return false;
}

bool LogRing::read(std::uint64_t& cursor, Line& line) {
  const std::uint64_t head = control_->head.load(std::memory_order_acquire);
  if (next(cursor, head, line)) return true;
  damaged_ += cursor != head;
  cursor = head;
  return false;
}

bool LogRing::has_only_access(std::uint64_t& cursor) const {
  const std::uint64_t head = control_->head.load();
  Line line;
  for (std::uint64_t at = cursor; next(at, head, line); cursor = at)
    if (line.kind != Kind::Access) return false;
  return cursor == head;
}

bool LogRing::has_room(std::size_t size) const {
  std::uint64_t used = control_->head.load(std::memory_order_relaxed) -
                       control_->tail.load(std::memory_order_acquire);
  return used + 2 * padded(size) + sizeof(Record) <=
         capacity;  // the rest of the ring may be skipped
}

bool LogRing::prepare_to_sleep() {
  control_->state.store(asleep);
  if (control_->tail.load() == control_->head.load()) return true;
  wake();
  return false;
}

// A line that comes while this is said waits for the end of the rest, too.
void LogRing::prepare_to_rest(std::uint64_t most) {
  control_->most.store(most, std::memory_order_relaxed);
  control_->state.store(resting);
}

std::uint64_t LogRing::take_dropped() {
  std::uint64_t dropped = control_->dropped.load(std::memory_order_relaxed);
  return less(dropped, std::exchange(control_->reported, dropped)) + std::exchange(damaged_, 0);
}

}  // namespace weir::shm
