// SPDX-License-Identifier: Apache-2.0
#include "upstream/pipeline_line.h"

#include "base/assert.h"

#include <algorithm>
#include <utility>

namespace weir::upstream {

PipelineLine::~PipelineLine() {
  while (PipelineCall* call = calls_.pop_front()) delete call;
  while (PipelineCall* call = begun_.pop_front()) delete call;
}

void PipelineLine::enter(PipelineCall& call, bool alone) {
  if (alone) first_unsent_ = &call;
  static_cast<Hook&>(call).unlink();
  calls_.push_back(call);
  if (length_++ == 0) alone_ = &call;
}

std::uint64_t PipelineLine::leave(PipelineCall& call, std::uint64_t now) {
  WEIR_ASSERT(length_ > 0 && &call == &calls_.front());
  static_cast<Hook&>(call).unlink();
  if (alone_ == &call) alone_ = nullptr;
  --length_;
  return now - std::max(call.written_at(), std::exchange(answered_at_, now));
}

void PipelineLine::give_all(List<PipelineCall>& into) {
  into.splice_back(calls_);
  into.splice_back(begun_);
  alone_ = nullptr;
  length_ = 0;
}

void PipelineLine::give_others(List<PipelineCall>& into) {
  PipelineCall* const first = calls_.pop_front();
  const PipelineCall* const alone = alone_;
  give_all(into);
  if (!first) return;
  calls_.push_back(*first);
  alone_ = alone;
  length_ = 1;
}

std::uint64_t PipelineLine::first_since() {
  const bool stood_behind = length_ > 0 && alone_ != &calls_.front();
  return stood_behind && !calls_.front().is_arriving() ? answered_at_ : 0;
}

std::uint64_t PipelineLine::second_since() {
  if (length_ < 2) return 0;
  std::uint32_t place = 0;
  std::uint64_t since = 0;
  calls_.for_each([&](const PipelineCall& call) {
    if (++place == 2) since = call.written_at();
  });
  return since;
}

}  // namespace weir::upstream
