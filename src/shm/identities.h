// SPDX-License-Identifier: Apache-2.0
//
// Identities: which listener, route or backend has which number in shared memory, whatever place it has
// in whatever configuration.  An identity is a hash, made of names (see upstream/numbering).  Control
// gives the numbers; every other process looks its own up, so all agree, and one that is started later
// agrees as well.
//
// A number stays with its identity until there is no other left to give, so that what leaves a
// configuration and comes back finds its counts again.
#pragma once

#include "shm/counters.h"
#include "shm/segment.h"

#include <atomic>
#include <cstdint>
#include <optional>

namespace weir::shm {

class Identities {
 public:
  explicit Identities(const Segment& segment);

  static std::size_t bytes(const Layout& layout);

  // Anybody.  `kind` is Listener, Route or Backend.

  /// Numbers from there on were never given.
  std::uint32_t size(Of kind) const { return table(kind).head->size.load(); }
  std::uint32_t capacity(Of kind) const { return table(kind).count; }
  /// Whose number it is; 0 = nobody's.
  std::uint64_t hash(Of kind, std::uint32_t number) const {
    return table(kind).rows[number].hash.load();
  }
  /// The number of an identity.
  std::optional<std::uint32_t> find(Of kind, std::uint64_t hash) const;

  // Control.

  /// Gives the number to an identity.  Nobody may be using it.
  void set(Of kind, std::uint32_t number, std::uint64_t hash);
  /// Time, as far as the numbers go: grows by one.
  std::uint64_t tick() { return ++*clock_; }
  /// When a number was last in use.
  std::uint64_t used_at(Of kind, std::uint32_t number) const {
    return table(kind).rows[number].used_at.load();
  }
  void note_used(Of kind, std::uint32_t number, std::uint64_t tick) {
    table(kind).rows[number].used_at.store(tick);
  }

 private:
  static constexpr std::size_t kinds = 3;

  struct Head {
    std::atomic<std::uint32_t> size;
  };
  struct Row {
    std::atomic<std::uint64_t> hash, used_at;
  };
  struct Table {
    Head* head;
    Row* rows;
    std::uint32_t count;
  };
  static constexpr std::size_t head_bytes = 64;

  const Table& table(Of kind) const { return tables_[static_cast<std::size_t>(kind)]; }

  std::atomic<std::uint64_t>* clock_;
  Table tables_[kinds];
};

}  // namespace weir::shm
