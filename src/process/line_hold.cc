// SPDX-License-Identifier: Apache-2.0
#include "process/line_hold.h"

#include <algorithm>
#include <chrono>

namespace weir::process {

// A producer wakes the writer at that anyway.
static_assert(config::most_log_buffer <= shm::LogRing::half);

std::uint64_t LineHold::wait_us(std::span<shm::LogRing> rings, std::uint64_t now_us) {
  const auto is_empty = [](const shm::LogRing& ring) { return ring.used() == 0; };
  if (!buffer_ || !has_written_ || std::all_of(rings.begin(), rings.end(), is_empty)) return 0;
  if (!since_us_) since_us_ = now_us;
  const auto most = static_cast<std::uint64_t>(std::chrono::microseconds(buffer_->flush).count());
  if (now_us - *since_us_ >= most) return 0;
  for (shm::LogRing& ring : rings) ring.prepare_to_rest(buffer_->size);
  // A line that was pushed before that has woken nobody: it is among those that are looked at now.
  if (may_wait(rings)) return most - (now_us - *since_us_);
  for (shm::LogRing& ring : rings) ring.wake();
  return 0;
}

bool LineHold::may_wait(std::span<const shm::LogRing> rings) {
  while (seen_.size() < rings.size()) seen_.push_back(rings[seen_.size()].tail());
  for (std::size_t i = 0; i < rings.size(); ++i)
    if (rings[i].used() >= buffer_->size || !rings[i].has_only_access(seen_[i])) return false;
  return true;
}

void LineHold::end(std::span<const shm::LogRing> rings) {
  has_written_ = true;
  since_us_.reset();
  seen_.clear();
  for (const shm::LogRing& ring : rings) seen_.push_back(ring.tail());
}

}  // namespace weir::process
