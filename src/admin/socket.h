// SPDX-License-Identifier: Apache-2.0
//
// AdminSocket: one listening Unix socket and the clients it has accepted.
#pragma once

#include "admin/session.h"
#include "base/fd.h"
#include "base/list.h"
#include "event/watch.h"

#include <cstddef>

namespace weir::admin {

class AdminSocket final : private event::ReadyEvents {
 public:
  /// More clients than this are turned away.
  static constexpr std::size_t most_clients = 256;

  /// Takes over a listening descriptor; everything that comes over it has that level.
  AdminSocket(event::Loop& loop, Fleet& fleet, Fd fd, config::AdminLevel level);
  ~AdminSocket();

  /// Replies may be due in all sessions.
  void resume();

  /// Listens no more.  Who is here, or waits to be, gets replies to what has been asked by now, and is closed.
  void leave();
  bool is_empty() const { return sessions_.empty(); }

 private:
  void on_ready(event::Ready ready) noexcept override;
  bool accept_one();

  event::Loop& loop_;
  Fleet& fleet_;
  Fd fd_;
  config::AdminLevel level_;
  event::Watch watch_;
  List<AdminSession> sessions_;
};

}  // namespace weir::admin
