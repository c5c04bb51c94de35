// SPDX-License-Identifier: Apache-2.0
#include "process/history.h"

#include "base/cursor.h"
#include "base/text.h"

#include <fcntl.h>

#include <algorithm>
#include <utility>

namespace weir::process {

namespace {

struct NamedStep {
  const char* name;
  std::uint64_t StepTimes::*time;
};

constexpr NamedStep steps[] = {{"load", &StepTimes::load},
                               {"judge", &StepTimes::judge},
                               {"prepare", &StepTimes::prepare},
                               {"commit", &StepTimes::commit},
                               {"settle", &StepTimes::settle}};

}  // namespace

std::string text(const StepTimes& took) {
  std::string text;
  std::uint64_t all = 0;
  for (const NamedStep& step : steps) {
    std::uint64_t tenths = (took.*step.time + 50) / 100;
    text += concat(text.empty() ? "" : ", ", step.name, " ", std::to_string(tenths / 10), ".",
                   std::to_string(tenths % 10), " ms");
    all += took.*step.time;
  }
  return all == 0 ? std::string() : text;
}

std::string write_about(const About& about) {
  std::string line = std::to_string(about.number) + "\t" + std::to_string(about.committed_us) +
                     "\t" + about.by + "\t" + about.how;
  for (const NamedStep& step : steps) line += "\t" + std::to_string(about.took.*step.time);
  std::replace(line.begin(), line.end(), '\n', ' ');
  return line;
}

About read_about(std::string_view line) {
  About about;
  about.number = to_number(take_until(line, '\t')).value_or(0);
  about.committed_us = static_cast<std::int64_t>(to_number(take_until(line, '\t')).value_or(0));
  about.by = take_until(line, '\t');
  about.how = take_until(line, '\t');
  for (const NamedStep& step : steps)
    about.took.*step.time = to_number(take_until(line, '\t')).value_or(0);
  return about;
}

void History::add(Entry entry) {
  if (entries_.size() == most) entries_.erase(entries_.begin());
  entries_.push_back(std::move(entry));
}

const History::Entry* History::find(std::uint64_t number) const {
  auto found = std::find_if(entries_.begin(), entries_.end(),
                            [number](const Entry& entry) { return entry.about.number == number; });
  return found == entries_.end() ? nullptr : &*found;
}

std::vector<PastGeneration> History::copy() const {
  std::vector<PastGeneration> copies;
  for (const Entry& entry : entries_)
    copies.push_back({duplicate(entry.bundle), write_about(entry.about)});
  return copies;
}

}  // namespace weir::process
