// SPDX-License-Identifier: Apache-2.0
//
// Addresses: where this worker connects to a server.  New connections take turns over the addresses; one that did not
// take a connection is tried after the others for a while.
#pragma once

#include "net/address.h"
#include "shm/server_table.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::upstream {

/// Where a connection goes, and which addresses it has tried on the way.
struct Dial {
  std::uint32_t address =
      0;                    ///< its number, which is never given to another one of the same server
  std::uint16_t tried = 0;  ///< a bit for each place in the set
};

class Addresses {
 public:
  /// An address that failed is avoided for so long, in microseconds.
  static constexpr std::uint64_t avoid_us = 10'000'000;

  explicit Addresses(const shm::AddressSet& set) { apply(set); }

  /// The set is this one now.  Addresses that stay keep their numbers; false if all stay and none came.
  bool apply(const shm::AddressSet& set);
  /// From now on every address counts as another one.
  void renumber();

  bool empty() const { return places_.empty(); }
  bool has_many() const { return places_.size() > 1; }
  /// Any of them; there must be one.
  const net::Address& front() const { return places_.front().address; }
  /// All of them, with commas in between.
  std::string text() const;

  /// The address to be tried next, which is noted in `dial`; null if all have been tried.  Valid until `apply`.
  const net::Address* next(Dial& dial, std::uint64_t now);
  /// How many have not been tried.
  std::size_t left(const Dial& dial) const;
  /// The address took no connection.  Null if that is not new, or it is not in the set any more.
  const net::Address* note_failed(const Dial& dial, std::uint64_t now);

  bool contains(std::uint32_t number) const { return find(number) != nullptr; }
  /// Null if it is not in the set any more.
  const net::Address* find(std::uint32_t number) const;

 private:
  struct Place {
    net::Address address;
    std::uint32_t number;
    std::uint64_t avoid_until = 0;  ///< in microseconds of the loop's clock
  };

  std::vector<Place> places_;
  std::uint32_t last_number_ = 0;
  std::uint32_t turn_ = 0;
};

}  // namespace weir::upstream
