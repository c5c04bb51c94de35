// SPDX-License-Identifier: Apache-2.0
//
// Notify: what the service manager is told of the master's state, as sd_notify(3) describes it: one datagram
// of NAME=VALUE lines to the socket that $NOTIFY_SOCKET names.  Without that socket nothing is told.  All
// of the protocol that weir uses is here; it needs no library, and never blocks.
#pragma once

#include "base/fd.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::process {

class Notify {
 public:
  /// Reads the environment: NOTIFY_SOCKET, WATCHDOG_USEC, WATCHDOG_PID.
  Notify();

  /// Everything has started, or a reload is over, whichever way: `status` says it in a few words.
  void ready(std::string_view status);
  /// A reload begins; `ready` must follow.
  void reloading();
  /// It has begun to end.  Told once.
  void stopping();
  /// A few words for `systemctl status`.
  void status(std::string_view text);

  /// When to call `beat`, monotonic in microseconds; 0 = never.
  std::uint64_t next_us() const { return next_us_; }
  /// Says that the master is alive, if it is time to.
  void beat(std::uint64_t now_us);

 private:
  void send(const std::string& lines);

  std::string address_;  ///< a sockaddr_un
  Fd socket_;
  std::uint64_t interval_us_ = 0, next_us_ = 0;
  bool stopping_ = false;
};

}  // namespace weir::process
