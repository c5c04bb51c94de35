// SPDX-License-Identifier: Apache-2.0
//
// How many interim (1xx) heads may precede one answer.  A proxy has to forward them (RFC 9110 §15.2), but a
// server that sends nothing else would keep a request, its client and its arena busy for ever.
#pragma once

#include <cstddef>
#include <cstdint>

namespace weir::http {

/// Counts the interim heads of one answer, in either version of HTTP.
class InterimBudget {
 public:
  static constexpr std::uint32_t most_heads = 64;
  static constexpr std::size_t most_bytes = 64 * 1024;  ///< of all these heads together

  /// One more head of `bytes`; false if that is beyond a limit.
  bool spend(std::size_t bytes) {
    bytes_ += bytes;
    return ++heads_ <= most_heads && bytes_ <= most_bytes;
  }

 private:
  std::size_t bytes_ = 0;
  std::uint32_t heads_ = 0;
};

}  // namespace weir::http
