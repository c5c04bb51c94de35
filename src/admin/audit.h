// SPDX-License-Identifier: Apache-2.0
//
// Audit: who changed what: each command that changes something, with its peer and its outcome.  The last
// ones are kept for `show audit`; all go to the error log.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace weir::admin {

struct AuditEntry {
  std::int64_t time_us;  ///< wall clock
  std::string by, command, outcome;
};

class Audit {
 public:
  static constexpr std::size_t most_kept = 1000;

  void add(AuditEntry entry);
  const std::deque<AuditEntry>& kept() const { return kept_; }

 private:
  std::deque<AuditEntry> kept_;
};

}  // namespace weir::admin
