// SPDX-License-Identifier: Apache-2.0
#include "shm/quarantine.h"

#include <algorithm>

namespace weir::shm {

namespace {

bool is_refused(const Culprit& culprit) { return culprit.crashes >= Quarantine::most_crashes; }

// Who gives way first: free places, then suspects, each by their end.
bool gives_way_before(const Culprit& a, const Culprit& b) {
  if (is_refused(a) != is_refused(b)) return is_refused(b);
  return a.until_us < b.until_us;
}

}  // namespace

std::uint32_t Quarantine::place_for(const Culprit& culprit, std::uint64_t now_us) const {
  std::uint32_t best = 0;
  Culprit weakest = at(0);
  for (std::uint32_t i = 0; i < places; ++i) {
    Culprit each = at(i);
    if (each.fingerprint == culprit.fingerprint) return i;
    if (each.until_us <= now_us) each = {};
    if (i == 0 || gives_way_before(each, weakest)) {
      best = i;
      weakest = each;
    }
  }
  return best;
}

std::uint32_t Quarantine::note(Culprit culprit, std::uint64_t now_us) {
  std::uint32_t place = place_for(culprit, now_us);
  Culprit known = at(place);
  bool is_known = known.fingerprint == culprit.fingerprint && known.until_us > now_us;
  culprit.crashes = is_known ? known.crashes + 1 : 1;
  culprit.until_us = now_us + lasts_us;
  culprit.since_us = is_known ? known.since_us : now_us;
  culprit.last_us = now_us;
  table_->rows[place].publish(culprit);
  count();
  return culprit.crashes;
}

std::uint64_t Quarantine::expire(std::uint64_t now_us) {
  std::uint64_t next = 0;
  for (std::uint32_t i = 0; i < places; ++i) {
    Culprit each = at(i);
    if (each.fingerprint == 0) continue;
    if (each.until_us <= now_us)
      table_->rows[i].publish({});
    else
      next = next == 0 ? each.until_us : std::min(next, each.until_us);
  }
  count();
  return next;
}

std::uint32_t Quarantine::size() const {
  std::uint32_t refused = 0;
  for (std::uint32_t i = 0; i < places; ++i) refused += is_refused(at(i));
  return refused;
}

void Quarantine::count() { table_->refused.store(size()); }

bool Quarantine::holds(std::uint64_t fingerprint, std::uint64_t now_us) const {
  for (std::uint32_t i = 0; i < places; ++i) {
    Culprit each = at(i);
    if (each.fingerprint == fingerprint && is_refused(each)) return each.until_us > now_us;
  }
  return false;
}

}  // namespace weir::shm
