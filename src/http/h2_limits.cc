// SPDX-License-Identifier: Apache-2.0
#include "http/h2_limits.h"

#include <algorithm>

namespace weir::http {

namespace {

struct Allowance {
  std::string_view name;
  std::uint32_t burst;   ///< so many at once
  std::uint32_t second;  ///< so many a second for ever
};

// The resets are what nghttp2 allows by itself; a browser that leaves a page resets a hundred at a time.
constexpr Allowance allowances[] = {
    {"resets", 1000, 33},      {"streams", 1000, 33},     {"settings", 32, 1},
    {"pings", 128, 10},        {"priorities", 1000, 100}, {"window_updates", 2000, 200},
    {"empty_frames", 128, 10}, {"fields", 0, 0},          {"floods", 0, 0},
};
static_assert(std::size(allowances) == static_cast<std::size_t>(H2Abuse::Count));

constexpr std::uint32_t token = 1000;
constexpr std::uint64_t refill_us = 10'000;
constexpr std::uint32_t updates_per_data = 4;

std::size_t index(H2Abuse kind) { return static_cast<std::size_t>(kind); }

}  // namespace

std::string_view name_of(H2Abuse kind) { return allowances[index(kind)].name; }

void H2Limits::refill(std::uint64_t now) {
  if (now < filled_ + refill_us) return;
  const std::uint64_t passed = std::min<std::uint64_t>(now - filled_, 3'600'000'000);
  filled_ = now;
  for (std::size_t i = 0; i < kinds; ++i) {
    const std::uint64_t back = passed * allowances[i].second / token;
    used_[i] -= static_cast<std::uint32_t>(std::min<std::uint64_t>(back, used_[i]));
  }
}

bool H2Limits::count(H2Abuse kind, std::uint64_t now) {
  refill(now);
  std::uint32_t& used = used_[index(kind)];
  const std::uint32_t most = allowances[index(kind)].burst * token;
  if (used + token > most) return true;
  used += token;
  return false;
}

void H2Limits::note_sent(bool starved) {
  if (starved) return;
  std::uint32_t& used = used_[index(H2Abuse::WindowUpdates)];
  used -= std::min(used, updates_per_data * token);
}

}  // namespace weir::http
