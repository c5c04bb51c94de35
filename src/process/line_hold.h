// SPDX-License-Identifier: Apache-2.0
//
// LineHold: whether lines of the access log may wait (`buffer`, `flush`), and how long.  They wait in the rings, which outlive
// the process that wrote them and the writer: a line is lost with neither.  Only access lines wait; a ring that has anything else
// in it is read at once.  This class decides; the writer waits and writes.
#pragma once

#include "config/config.h"
#include "shm/log_ring.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace weir::process {

class LineHold {
 public:
  explicit LineHold(const config::LogTarget& target) : buffer_(target.buffer) {}

  /// Lines wait as this target says from here on.
  void set(const config::LogTarget& target) { buffer_ = target.buffer; }

  /// Microseconds for which what lies in the rings may wait, counted from `now_us` (monotonic).  Until then producers wake the
  /// writer only for a line that may not wait, or when so much lies in a ring that it must be written.  0 = there is nothing
  /// in the rings, or something that must be written now.
  std::uint64_t wait_us(std::span<shm::LogRing> rings, std::uint64_t now_us);

  /// What lay in the rings has been written.
  void end(std::span<const shm::LogRing> rings);

 private:
  bool may_wait(std::span<const shm::LogRing> rings);

  std::optional<config::LogBuffer> buffer_;
  bool has_written_ = false;  ///< until then lines may be those of a former writer, and be old
  std::optional<std::uint64_t> since_us_;  ///< when the first waiting line was found
  std::vector<std::uint64_t> seen_;  ///< of each ring, up to where there are only access lines
};

}  // namespace weir::process
