// SPDX-License-Identifier: Apache-2.0
#include "admin/audit.h"

#include <weir/log.h>

namespace weir::admin {

void Audit::add(AuditEntry entry) {
  log(Level::Notice, "audit: ", entry.by, ": ", entry.command, ": ", entry.outcome);
  kept_.push_back(std::move(entry));
  if (kept_.size() > most_kept) kept_.pop_front();
}

}  // namespace weir::admin
