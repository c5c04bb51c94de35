// SPDX-License-Identifier: Apache-2.0
#include "admin/record_ring.h"

#include <algorithm>
#include <cstring>

namespace weir::admin {

void RecordRing::add(const Record& record) {
  const std::size_t room = bytes_.size(), most_text = room / 64;
  Head head{record.time_us, {}};
  std::size_t size = sizeof(head);
  for (std::size_t i = 0; i < most_fields; ++i) {
    head.size[i] = static_cast<std::uint32_t>(std::min(record.field[i].size(), most_text));
    size += head.size[i];
  }
  // Each lies in one piece.
  if (end_ % room + size > room) end_ += room - end_ % room;
  auto is_in_the_way = [&] {
    return last_ - first_ + 1 == places_.size() || place(first_) + room < end_ + size;
  };
  while (first_ <= last_ && is_in_the_way()) ++first_;
  place(++last_) = end_;
  char* at = &bytes_[end_ % room];
  end_ += size;
  std::memcpy(at, &head, sizeof(head));
  at += sizeof(head);
  for (std::size_t i = 0; i < most_fields; ++i) {
    record.field[i].copy(at, head.size[i]);
    at += head.size[i];
  }
}

RecordRing::Record RecordRing::at(std::uint64_t number) const {
  const char* at = &bytes_[places_[number % places_.size()] % bytes_.size()];
  Head head;
  std::memcpy(&head, at, sizeof(head));
  at += sizeof(head);
  Record record;
  record.time_us = head.time_us;
  for (std::size_t i = 0; i < most_fields; ++i) {
    record.field[i] = {at, head.size[i]};
    at += head.size[i];
  }
  return record;
}

}  // namespace weir::admin
