// SPDX-License-Identifier: Apache-2.0
//
// Ejector: passive health.  Workers count failures in a row together and tell control when a limit is
// reached; here it is decided whether the server is left alone for a while, for how long (each time
// twice as long), and never for more servers of a backend than `max_ejected` allows.  When the time
// is over the server is half-open: exactly one request is let through, over all workers, and its end
// decides.  A probe whose worker has died is given to another.
#pragma once

#include "event/deadline.h"
#include "shm/notices.h"
#include "shm/outliers.h"
#include "shm/worker_state.h"
#include "upstream/registry.h"

#include <cstdint>
#include <set>
#include <vector>

namespace weir::upstream {

class Ejector final : private event::DeadlineEvents {
 public:
  Ejector(event::Loop& loop, Registry& registry, const shm::Segment& segment);

  /// Goes on with what a former control had ejected.
  void resume();
  /// Takes what workers have told since the last time.
  void drain_notices();
  void forget(std::uint32_t slot) { watched_.erase(slot); }

 private:
  void take(const shm::Notice& notice);
  void eject(std::uint32_t slot, const std::string& why);
  bool may_eject(std::uint32_t slot) const;
  void on_deadline() noexcept override;
  void arm();
  void know_workers();

  event::Loop& loop_;
  Registry& registry_;
  shm::Outliers outliers_;
  const shm::Segment& segment_;
  std::vector<shm::Notices> notices_;  ///< by worker
  std::vector<shm::WorkerState> workers_;
  std::set<std::uint32_t> watched_;  ///< ejected or half-open
  event::Deadline due_;
};

}  // namespace weir::upstream
