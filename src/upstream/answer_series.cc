// SPDX-License-Identifier: Apache-2.0
#include "upstream/answer_series.h"

namespace weir::upstream {

std::size_t AnswerSeries::feed(std::span<char> bytes) {
  std::size_t used = 0;
  while (used < bytes.size() && !stopped_) {
    PipelineCall* const call = events_.expected();
    if (!call) {
      events_.on_unasked();
      return bytes.size();
    }
    turn_over();
    codec_.expect_answer(call->method());
    const std::size_t step = codec_.feed(bytes.subspan(used));
    if (step == 0) break;
    used += step;
  }
  return stopped_ ? bytes.size() : used;
}

void AnswerSeries::feed_end() {
  turn_over();
  codec_.feed_end();
}

void AnswerSeries::stop() {
  stopped_ = true;
  codec_.stop();
}

}  // namespace weir::upstream
