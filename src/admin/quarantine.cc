// SPDX-License-Identifier: Apache-2.0
#include "admin/quarantine.h"

#include "base/text.h"
#include "base/wall_time.h"
#include "event/loop.h"
#include "shm/quarantine.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

namespace weir::admin {

namespace {

using shm::Culprit;
using shm::Quarantine;

std::string print_text(std::uint64_t fingerprint) {
  char text[24];
  std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(fingerprint));
  return text;
}

// A moment of the monotonic clock.
std::string moment_text(const Clock& clock, std::uint64_t at_us) {
  auto ahead = static_cast<std::int64_t>(at_us) - static_cast<std::int64_t>(clock.monotonic_us());
  return time_text(clock.wall_us() + ahead);
}

bool is_refused(const Culprit& culprit) { return culprit.crashes >= Quarantine::most_crashes; }

// Those that count, with their places; the latest first.
std::vector<std::pair<std::uint32_t, Culprit>> all(const Fleet& fleet) {
  const Quarantine quarantine(fleet.segment);
  std::vector<std::pair<std::uint32_t, Culprit>> found;
  const std::uint64_t now = fleet.clock.monotonic_us();
  for (std::uint32_t place = 0; place < Quarantine::places; ++place) {
    Culprit culprit = quarantine.at(place);
    if (culprit.fingerprint != 0 && culprit.until_us > now) found.emplace_back(place, culprit);
  }
  std::sort(found.begin(), found.end(), [](const auto& one, const auto& other) {
    return one.second.last_us > other.second.last_us;
  });
  return found;
}

}  // namespace

void show_quarantine(const Call& call, Reply& reply) {
  auto rows = all(call.fleet);
  std::size_t count = rows.size();
  reply.body = make_list(
      {{"fingerprint", "state", "crashes", "since", "until", "listener", "method", "path"},
       count,
       [rows = std::move(rows), &clock = call.fleet.clock](std::size_t i) -> Row {
         const Culprit& row = rows[i].second;
         return {print_text(row.fingerprint),
                 is_refused(row) ? "refused" : "suspect",
                 row.crashes,
                 moment_text(clock, row.since_us),
                 moment_text(clock, row.until_us),
                 row.listener,
                 row.method,
                 row.path};
       }},
      call.json);
}

void clear_quarantine(const Call& call, Reply& reply) {
  std::uint64_t wanted = 0;
  if (!call.words.empty()) {
    const std::string& word = call.words[0];
    const char* end = word.data() + word.size();
    auto read = std::from_chars(word.data(), end, wanted, 16);
    if (read.ec != std::errc() || read.ptr != end || wanted == 0)
      return reply.fail("usage", "a fingerprint has 16 hexadecimal digits; see show quarantine");
  }
  Quarantine quarantine(call.fleet.segment);
  std::uint32_t count = 0;
  for (const auto& [place, culprit] : all(call.fleet)) {
    if (wanted != 0 && culprit.fingerprint != wanted) continue;
    quarantine.forgive(place);
    ++count;
    call.fleet.events.add({0, wall_clock_us(), "quarantine.cleared",
                           print_text(culprit.fingerprint),
                           is_refused(culprit) ? "refused" : "suspect", "", "", call.caller.by});
  }
  if (count == 0 && wanted != 0)
    return reply.fail("unknown", concat("no fingerprint ", call.words[0], " is in quarantine"));
  reply.text = concat(std::to_string(count), " cleared");
}

std::uint64_t tell_quarantined(Fleet& fleet, std::uint64_t since_us) {
  std::uint64_t last = since_us;
  for (const auto& [place, culprit] : all(fleet)) {
    if (culprit.last_us <= since_us || culprit.crashes != Quarantine::most_crashes) continue;
    last = std::max(last, culprit.last_us);
    fleet.events.add({0, wall_clock_us(), "quarantine.added", print_text(culprit.fingerprint),
                      "suspect", "refused",
                      concat(culprit.method, " ", culprit.path, " of listener ", culprit.listener,
                             " has ended ", std::to_string(culprit.crashes), " workers"),
                      "crash"});
  }
  return last;
}

}  // namespace weir::admin
