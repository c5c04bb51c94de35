// SPDX-License-Identifier: Apache-2.0
//
// Which element of one list is which of another, by their keys.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace weir::config {

/// Numbers of elements.  Of elements of one list with the same key the first stands for all.
struct Pairing {
  std::vector<std::size_t> removed;  ///< of `from`, in order
  std::vector<std::pair<std::size_t, std::size_t>>
      common;                      ///< of `from` and `to`, in the order of `to`
  std::vector<std::size_t> added;  ///< of `to`, in order

  /// Whether the common elements follow each other in another order.
  bool is_reordered() const;
};

/// Linear in the lengths of both.
Pairing pair_up(std::span<const std::string> from, std::span<const std::string> to);

}  // namespace weir::config
