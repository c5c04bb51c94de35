// SPDX-License-Identifier: Apache-2.0
#include "admin/audit.h"

#include <weir/log.h>

namespace weir::admin {

void Audit::add(const AuditEntry& entry) {
  log(Level::Notice, "audit: ", entry.by, ": ", entry.command, ": ", entry.outcome);
  kept_.add({entry.time_us, {entry.by, entry.command, entry.outcome}});
}

std::vector<AuditEntry> Audit::kept() const {
  std::vector<AuditEntry> entries;
  for (std::uint64_t number = kept_.first(); number <= kept_.last(); ++number) {
    const auto [time_us, field] = kept_.at(number);
    entries.push_back(
        {time_us, std::string(field[0]), std::string(field[1]), std::string(field[2])});
  }
  return entries;
}

}  // namespace weir::admin
