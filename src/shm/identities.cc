// SPDX-License-Identifier: Apache-2.0
#include "shm/identities.h"

#include "base/assert.h"

namespace weir::shm {

std::size_t Identities::bytes(const Layout& layout) {
  std::size_t rows = std::size_t{layout.listeners} + layout.routes + layout.backends;
  return head_bytes + rows * sizeof(Row);
}

Identities::Identities(const Segment& segment) {
  static_assert(sizeof(std::uint64_t) + kinds * sizeof(Head) <= head_bytes);
  const Layout& layout = segment.layout();
  std::byte* begin = segment.region("identities").data();
  clock_ = reinterpret_cast<std::atomic<std::uint64_t>*>(begin);
  auto* heads = reinterpret_cast<Head*>(clock_ + 1);
  auto* rows = reinterpret_cast<Row*>(begin + head_bytes);
  const std::uint32_t counts[kinds] = {layout.listeners, layout.routes, layout.backends};
  for (std::size_t i = 0; i < kinds; ++i) {
    tables_[i] = {heads + i, rows, counts[i]};
    rows += counts[i];
  }
}

std::optional<std::uint32_t> Identities::find(Of kind, std::uint64_t hash) const {
  const Table& all = table(kind);
  const std::uint32_t size = all.head->size.load();
  for (std::uint32_t number = 0; number < size; ++number)
    if (all.rows[number].hash.load() == hash) return number;
  return std::nullopt;
}

void Identities::set(Of kind, std::uint32_t number, std::uint64_t hash) {
  Table& all = tables_[static_cast<std::size_t>(kind)];
  WEIR_ASSERT(number < all.count && hash != 0);
  all.rows[number].hash.store(hash);
  if (number >= all.head->size.load()) all.head->size.store(number + 1);
}

}  // namespace weir::shm
