// SPDX-License-Identifier: Apache-2.0
//
// Audit: who changed what: each command that changes something, with its peer and its outcome.  The last
// ones are kept for `show audit`; all go to the error log.
#pragma once

#include "admin/record_ring.h"

#include <cstdint>
#include <string>
#include <vector>

namespace weir::admin {

struct AuditEntry {
  std::int64_t time_us;  ///< wall clock
  std::string by, command, outcome;
};

class Audit {
 public:
  static constexpr std::size_t most_kept = 1000;

  void add(const AuditEntry& entry);
  /// Copies of them, the oldest first.
  std::vector<AuditEntry> kept() const;

 private:
  RecordRing kept_{std::size_t{256} << 10, most_kept};
};

}  // namespace weir::admin
