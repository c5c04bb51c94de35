// SPDX-License-Identifier: Apache-2.0
#include "upstream/pipeline_trust.h"

#include <algorithm>

namespace weir::upstream {

std::uint64_t PipelineTrust::note_fault(std::uint64_t now) {
  if (now < fault_until_) return 0;
  const std::uint64_t time = lose(now, fault_, first_fault, most_fault);
  fault_until_ = now + time;
  return time;
}

// After as long a time without trouble as the longest loss lasts, what was is forgotten.
std::uint64_t PipelineTrust::lose(std::uint64_t now, std::uint64_t& time, std::uint64_t first,
                                  std::uint64_t most) {
  time = time == 0 || now > lost_until_ + most ? first : std::min(2 * time, most);
  lost_until_ = std::max(lost_until_, now + time);
  answers_ = 0;
  return time;
}

}  // namespace weir::upstream
