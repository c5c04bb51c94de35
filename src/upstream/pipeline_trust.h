// SPDX-License-Identifier: Apache-2.0
//
// PipelineTrust: whether the answers of a server may be taken to come in the order of the requests.  It has to be earned by
// answers on connections of one request at a time, and is lost for a while when the server does what it should not do, or is
// slow; each time for longer, up to a limit, until it has gone well for a while.
#pragma once

#include <cstdint>
#include <utility>

namespace weir::upstream {

/// Times are microseconds.
class PipelineTrust {
 public:
  /// Answers with a known end, on connections that were kept.
  static constexpr std::uint32_t answers_needed = 16;
  static constexpr std::uint64_t first_fault = 10'000'000, most_fault = 600'000'000;
  static constexpr std::uint64_t first_pause = 1'000'000, most_pause = 60'000'000;

  bool holds(std::uint64_t now) const {
    return answers_ >= answers_needed && now >= lost_until_ && !is_lost_for_ever_;
  }
  void note_answer() {
    if (answers_ < answers_needed) ++answers_;
  }
  /// It did what it should not do.  Returns for how long trust is lost, 0 if it has been lost for that already: what ends
  /// several connections at a time is one fault.
  std::uint64_t note_fault(std::uint64_t now);
  /// A request has waited for too long behind another one.
  std::uint64_t note_slow(std::uint64_t now) { return lose(now, pause_, first_pause, most_pause); }
  /// Its connections are not like each other.  False if that was known.
  bool lose_for_ever() { return !std::exchange(is_lost_for_ever_, true); }

 private:
  std::uint64_t lose(std::uint64_t now, std::uint64_t& time, std::uint64_t first,
                     std::uint64_t most);

  std::uint64_t lost_until_ = 0, fault_until_ = 0;
  std::uint64_t fault_ = 0, pause_ = 0;  ///< for how long it was lost last
  std::uint32_t answers_ = 0;
  bool is_lost_for_ever_ = false;
};

}  // namespace weir::upstream
