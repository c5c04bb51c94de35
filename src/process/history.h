// SPDX-License-Identifier: Apache-2.0
//
// History: the generations that were committed, the last 32, with the bundle and the plan of each, so that
// one can be gone back to.  The master keeps it; control gets a copy of what it has to tell.
#pragma once

#include "process/plan.h"
#include "process/setup.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::process {

/// How long each step of a reload took, in microseconds; see process/reload.h.  All 0: it was none, or is not over.
struct StepTimes {
  std::uint64_t load = 0, judge = 0, prepare = 0, commit = 0, settle = 0;
};

/// "load 12.3 ms, judge 4.0 ms, prepare …"; empty if all are 0.
std::string text(const StepTimes& took);

/// When and why a generation came to be.
struct About {
  std::uint64_t number = 0;
  std::int64_t committed_us = 0;  ///< wall clock
  std::string by;                 ///< "start", "SIGHUP", "uid 0 pid 12"
  std::string how;                ///< "load", "load FILE", "rollback to 3"
  StepTimes took = {};
};

/// One line, and back.
std::string write_about(const About& about);
About read_about(std::string_view line);

class History {
 public:
  static constexpr std::size_t most = 32;

  struct Entry {
    About about;
    Plan plan;
    Fd bundle;
    Fd secrets{}, check_secrets{};  ///< for workers; for control
  };

  void add(Entry entry);
  const Entry& present() const { return entries_.back(); }
  /// The reload that made the present one is over.
  void set_times(const StepTimes& took) { entries_.back().about.took = took; }
  /// As another version of weir makes it of the same bundle.
  void set_present_plan(Plan plan) { entries_.back().plan = std::move(plan); }
  const Entry* find(std::uint64_t number) const;
  const std::vector<Entry>& entries() const { return entries_; }

  /// What control is told, with descriptors of its own.
  std::vector<PastGeneration> copy() const;

 private:
  std::vector<Entry> entries_;  ///< oldest first
};

}  // namespace weir::process
