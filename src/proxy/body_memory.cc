// SPDX-License-Identifier: Apache-2.0
#include "proxy/body_memory.h"

#include "base/assert.h"
#include "proxy/context.h"

#include <algorithm>

namespace weir::proxy {

void BodyMemory::limit(std::uint64_t bytes) {
  limit_ = bytes;
  holders_limit_ = held_ > limit_ ? std::max(holders_limit_, limit_) : limit_;
}

bool BodyMemory::take(std::uint64_t bytes, bool is_holder) {
  const std::uint64_t most = is_holder ? holders_limit_ : limit_;
  if (held_ > most || bytes > most - held_) return false;
  add(bytes);
  return true;
}

void BodyMemory::add(std::uint64_t bytes) {
  held_ += bytes;
  journal_.set_body_memory(held_);
}

void BodyMemory::give(std::uint64_t bytes) {
  WEIR_ASSERT(bytes <= held_);
  held_ -= bytes;
  if (held_ <= limit_) holders_limit_ = limit_;
  journal_.set_body_memory(held_);
}

void BodyMemory::note_refusal() { journal_.count_body_refusal(); }

}  // namespace weir::proxy
