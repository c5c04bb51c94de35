// SPDX-License-Identifier: Apache-2.0
//
// Quarantine: requests that have crashed workers, by their fingerprint.  The first crash makes one a
// suspect; the second within the time puts it into quarantine, and workers refuse it until the time has
// passed or an operator forgives it.  The master writes, control what is forgiven; a worker asks first whether there is anything at all, which is one load.
#pragma once

#include "shm/segment.h"
#include "shm/two_copies.h"

#include <atomic>
#include <cstdint>

namespace weir::shm {

/// One of them.  Texts are cut to fit.
struct Culprit {
  std::uint64_t fingerprint = 0;            ///< 0 = a free place
  std::uint64_t until_us = 0;               ///< monotonic clock: not held against it any more
  std::uint64_t since_us = 0, last_us = 0;  ///< its first crash and its last
  std::uint32_t crashes = 0;
  char listener[64] = {};
  char method[16] = {};
  char path[128] = {};
};

class Quarantine {
 public:
  static constexpr std::uint32_t places = 64;
  static constexpr std::uint32_t most_crashes = 2;  ///< so many, and it is refused
  static constexpr std::uint64_t lasts_us = 600'000'000;

  explicit Quarantine(const Segment& segment)
      : table_(reinterpret_cast<Table*>(segment.region("quarantine").data())) {}

  static std::size_t bytes(const Layout&) { return sizeof(Table); }

  // The master.

  /// One more crash; `culprit` says which request, its times and `crashes` do not matter.  How many
  /// there are now.  When all places are taken, that which ends first gives way, suspects before others.
  std::uint32_t note(Culprit culprit, std::uint64_t now_us);
  /// Forgets what has lasted long enough.  When to call again; 0 = there is nothing left to forget.
  std::uint64_t expire(std::uint64_t now_us);

  // Control.

  /// The crashes so far of who is in a place do not count any more.
  void forgive(std::uint32_t place) {
    table_->forgiven[place].store(table_->rows[place].read().last_us);
  }

  // Anybody.

  /// False says that no request is refused.
  bool is_used() const { return table_->refused.load(std::memory_order_relaxed) != 0; }
  bool holds(std::uint64_t fingerprint, std::uint64_t now_us) const;
  /// How many are refused.
  std::uint32_t size() const;
  /// Who is in a place; suspects too.
  Culprit at(std::uint32_t place) const {
    Culprit culprit = table_->rows[place].read();
    return culprit.last_us > table_->forgiven[place].load() ? culprit : Culprit{};
  }

 private:
  struct Table {
    std::atomic<std::uint32_t> refused;
    std::atomic<std::uint64_t> forgiven[places];  ///< crashes up to that moment
    TwoCopies<Culprit> rows[places];
  };

  std::uint32_t place_for(const Culprit& culprit, std::uint64_t now_us) const;
  void count();

  Table* table_;
};

}  // namespace weir::shm
