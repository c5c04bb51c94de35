// SPDX-License-Identifier: Apache-2.0
//
// PipelineLine: the calls on a connection that stand in line for their answers, in the order in which their requests were
// written.  It owns them until they leave it.
#pragma once

#include "base/list.h"
#include "upstream/pipeline_call.h"

#include <cstdint>

namespace weir::upstream {

class PipelineLine {
 public:
  PipelineLine() = default;
  ~PipelineLine();
  PipelineLine(const PipelineLine&) = delete;
  PipelineLine& operator=(const PipelineLine&) = delete;

  /// A call whose request will be written soon.
  void add(PipelineCall& call) { begun_.push_back(call); }
  /// Its request is being written.  `alone`: nothing of the connection waits to be sent.
  void enter(PipelineCall& call, bool alone);
  /// The first one has its answer.  Returns how many microseconds that took since it could begin.
  std::uint64_t leave(PipelineCall& call, std::uint64_t now);
  /// Moves all to `into`, or all but the first, in order.
  void give_all(List<PipelineCall>& into);
  void give_others(List<PipelineCall>& into);

  bool empty() const { return length_ == 0; }
  /// There is not even one whose request is not written yet.
  bool is_idle() { return length_ == 0 && begun_.empty(); }
  std::uint32_t length() const { return length_; }
  PipelineCall& first() { return calls_.front(); }
  /// Its request has not left, if something of the connection waits to be sent.
  bool is_first_unsent() { return first_unsent_ == &calls_.front(); }
  /// Since when the first one has been first, in microseconds; 0 = it did not stand behind another one, or has begun.
  std::uint64_t first_since();
  /// Since when the second one has stood behind the first, in microseconds; 0 = there is none.
  std::uint64_t second_since();

 private:
  List<PipelineCall> calls_, begun_;
  const PipelineCall* first_unsent_ = nullptr;
  const PipelineCall* alone_ = nullptr;  ///< had nobody in front of it
  std::uint64_t answered_at_ = 0;
  std::uint32_t length_ = 0;  ///< of calls_
};

}  // namespace weir::upstream
