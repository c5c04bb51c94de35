// SPDX-License-Identifier: Apache-2.0
//
// ClientConnection: what a Listener knows of each of its clients, whatever they speak.
#pragma once

#include "base/list.h"
#include "event/loop.h"
#include "shm/report.h"

#include <cstdint>

namespace weir::proxy {

class ClientConnection : public Hook, public event::Reaped {
 public:
  /// No request is running, and none has begun.
  virtual bool is_idle() const = 0;
  /// Has said and heard all, and waits only for its client to close.
  virtual bool is_lingering() const = 0;
  /// The listener drains: closes it if it is idle and hardly a request is on its way; true if it did.
  virtual bool close_if_quiet(std::uint64_t now) = 0;
  /// Ends it whatever it does: with answers, tunnels cleanly; or `at_once`.
  virtual void expel(bool at_once) = 0;
  /// Writes down what it is doing, from row `at` on; returns the row behind the last.
  virtual std::uint32_t describe(shm::Report& report, std::uint32_t at) const = 0;
};

}  // namespace weir::proxy
