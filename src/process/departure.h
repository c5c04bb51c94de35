// SPDX-License-Identifier: Apache-2.0
//
// Departure: what a worker does about drains.  It follows the orders in shared memory (shm/drain.h), closes
// and opens the gates of its listeners and counts who is left.  When all phases are Serving it costs
// nothing.
#pragma once

#include "event/deadline.h"
#include "proxy/listener.h"
#include "shm/drain.h"

#include <cstdint>
#include <functional>

namespace weir::process {

class Departure final : private event::DeadlineEvents {
 public:
  using Visit = std::function<void(std::uint32_t number, proxy::Listener& listener)>;

  /// `each` calls its argument for every listener; `answer` wakes control.
  Departure(event::Loop& loop, const shm::Segment& segment, std::uint32_t worker,
            std::function<void(const Visit&)> each, std::function<void()> answer);

  /// Follows what was ordered so far, and says that it does.
  void start();
  /// There may be new orders.
  void look();
  /// Listeners or sockets were added.
  void apply();
  /// The process ends when it has no client any more.  It gives up its sockets, unless all of weir ends.
  void end(std::function<bool()> ended);
  /// The same without a master that could give the sockets to others: they are kept, and new clients served, until
  /// `close_gates`.
  void end_alone(std::function<bool()> ended);
  /// Nobody is waited for any longer: the process ends as soon as all clients have been sent away.
  void stop(std::function<bool()> ended);
  /// Closes all gates, whatever was ordered; after `end_alone` nothing opens them again.
  void close_gates();
  bool is_stopping() const { return stops_; }
  /// The instance was drained and has waited for its clients long enough, or stops.
  bool is_time_up() const {
    return stops_ || drain_.order(shm::Drain::instance).phase == shm::DrainPhase::Drained;
  }
  /// Sockets are for others to accept on, or for nobody.
  bool gives_up_sockets() const {
    return stops_ || (ended_ && !alone_ && drain_.ending() != shm::DrainPhase::Draining);
  }

 private:
  void on_deadline() noexcept override;
  bool follow(std::uint32_t number, proxy::Listener& listener);

  event::Loop& loop_;
  shm::Drain drain_;
  std::uint32_t worker_;
  std::function<void(const Visit&)> each_;
  std::function<void()> answer_;
  std::function<bool()> ended_;  ///< false = not yet
  bool alone_ = false;           ///< without a master
  bool stops_ = false;
  event::Deadline next_;
  std::uint64_t seen_ = 0;
  shm::DrainPhase ending_ = shm::DrainPhase::Serving;
};

}  // namespace weir::process
