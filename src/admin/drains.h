// SPDX-License-Identifier: Apache-2.0
//
// Drains: control's side of leaving the pool.  An operator begins and ends a drain; the clock and the
// workers' counts of clients carry it from one phase to the next.  All of it stands in shared memory
// (shm/drain.h): a successor of control goes on where that died.
#pragma once

#include "admin/body.h"
#include "admin/events.h"
#include "config/config.h"
#include "event/deadline.h"
#include "shm/drain.h"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::admin {

class DrainEvents {
 public:
  /// Orders were given: workers have to be woken.
  virtual void on_drain_order() noexcept = 0;

 protected:
  ~DrainEvents() = default;
};

/// What is asked of a drain.
struct DrainWish {
  std::uint64_t delay_us = 0;   ///< readiness says no for so long before clients are refused
  std::uint64_t limit_us = 0;   ///< then so long until whoever is left is closed
  std::uint32_t most_left = 0;  ///< or until no more than so many connections have a request
  std::string_view by;
};

class Drains final : private event::DeadlineEvents {
 public:
  /// The configuration as it is now.
  using Present = std::function<const config::Config&()>;

  Drains(event::Loop& loop, const shm::Segment& segment, Present present, Events& log,
         DrainEvents& events);

  /// Goes on with what a former control has begun.
  void resume() { on_deadline(); }

  /// Begins a drain, or changes one: the phase that it has reached stays.  Visible in all workers when
  /// they have followed up to the number returned.
  std::uint64_t begin(std::uint32_t scope, const DrainWish& wish);
  /// Takes it back, whatever its phase.
  std::uint64_t take_back(std::uint32_t scope, std::string_view by);

  shm::DrainOrder order(std::uint32_t scope) const { return drain_.order(scope); }
  std::uint64_t seen(std::uint32_t worker) const { return drain_.seen(worker); }
  std::uint64_t seen_by_all() const;
  /// Clients of a scope, over all workers, as of their last look: counted while it is not Serving.
  shm::ClientsLeft clients(std::uint32_t scope) const;
  /// "instance", or the listener's name.
  std::string_view name(std::uint32_t scope) const;
  /// The instance, and each listener that there is.
  std::vector<std::uint32_t> scopes() const;
  /// Listeners that are gone leave no drain behind for whoever gets their number.
  void forget_absent();

  /// Something is not serving.
  bool is_any_ordered() const;

  /// One line for people: "draining since ..., 3 connections, 1 with a request, until ...".
  std::string describe(std::uint32_t scope) const;
  /// All drains that are under way or done, as a JSON array.
  std::string to_json() const;

  /// Carries everything on to where it is at that moment of the monotonic clock.
  void advance(std::uint64_t now_us);

 private:
  void on_deadline() noexcept override;
  void advance(std::uint32_t scope, std::uint64_t now_us);
  std::vector<std::uint32_t> listeners(std::uint32_t scope) const;
  bool is_done(std::uint32_t scope, const shm::DrainOrder& order) const;
  std::uint64_t enter(std::uint32_t scope, shm::DrainOrder order, shm::DrainPhase phase,
                      std::uint64_t now_us, std::uint64_t lasts_us, std::string_view why);

  event::Loop& loop_;
  shm::Drain drain_;
  Present present_;
  std::uint32_t workers_;
  Events& log_;
  DrainEvents& events_;
  event::Deadline next_;
};

/// "serving", "leaving", "draining", "drained".
std::string_view phase_word(shm::DrainPhase phase);

}  // namespace weir::admin
