// SPDX-License-Identifier: Apache-2.0
//
// RecordRing: the last records of a kind, each a time and some texts, in memory that is taken once: what
// has happened for long must not make control larger than what happened a minute ago.  New ones push the
// oldest out.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace weir::admin {

class RecordRing {
 public:
  static constexpr std::size_t most_fields = 6;

  struct Record {
    std::int64_t time_us = 0;               ///< wall clock
    std::string_view field[most_fields]{};  ///< until the next `add`
  };

  /// Room for `bytes` of records, and for no more than `most`.
  RecordRing(std::size_t bytes, std::size_t most) : bytes_(bytes), places_(most) {}

  /// Records are numbered without gaps from 1.  A text longer than a 64th of the room is cut.
  void add(const Record& record);
  std::uint64_t last() const { return last_; }
  /// The oldest that is kept; last() + 1 if there is none.
  std::uint64_t first() const { return first_; }
  /// One from first() to last().
  Record at(std::uint64_t number) const;

 private:
  struct Head {
    std::int64_t time_us;
    std::uint32_t size[most_fields];
  };

  std::uint64_t& place(std::uint64_t number) { return places_[number % places_.size()]; }

  std::vector<char> bytes_;
  std::vector<std::uint64_t>
      places_;  ///< of each record; they only grow, and are taken modulo the room
  std::uint64_t first_ = 1, last_ = 0;
  std::uint64_t end_ = 0;  ///< the place of the next one
};

}  // namespace weir::admin
