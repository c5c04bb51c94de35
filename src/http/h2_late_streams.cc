// SPDX-License-Identifier: Apache-2.0
#include "http/h2_late_streams.h"

#include <algorithm>

namespace weir::http {

void H2LateStreams::add(std::uint32_t stream) {
  if (streams_.size() < most_) return streams_.push_back(stream);
  forgotten_ = std::max(forgotten_, streams_[next_]);
  streams_[next_] = stream;
  next_ = (next_ + 1) % most_;
}

bool H2LateStreams::may_have(std::uint32_t stream) const {
  return stream <= forgotten_ ||
         std::find(streams_.begin(), streams_.end(), stream) != streams_.end();
}

}  // namespace weir::http
