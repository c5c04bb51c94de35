// SPDX-License-Identifier: Apache-2.0
//
// Handshakes: those of TLS with clients, the dearest thing that anybody may ask for.  Together they have a share of each
// turn, so that thousands of new clients do not keep those waiting who are there; who waits for it costs nothing
// until its time has come.
#pragma once

#include "event/loop.h"
#include "proxy/share.h"

#include <cstdint>

namespace weir::proxy {

class Handshakes : private event::TaskEvents {
 public:
  /// `loop` must outlive this.
  explicit Handshakes(event::Loop& loop) : loop_(loop), wake_(*this) {}

  /// There is time for one in this turn.
  bool has_time() const { return share_.spent(loop_.now()) < share_us; }
  /// One step of one has taken so many microseconds.
  void spend(std::uint64_t us) { share_.spend(loop_.now(), us); }
  /// `task`, which is not posted, is called in one of the next turns, after those that wait already, when there is time.
  void wait(event::Task& task) {
    waiting_.push_back(task);
    loop_.post(wake_);
  }

 private:
  /// Microseconds of a turn: one full handshake, or some steps that are cheaper.
  static constexpr std::uint64_t share_us = 250;

  void on_task() noexcept override {
    while (!waiting_.empty() && has_time()) loop_.call(*waiting_.pop_front());
    if (!waiting_.empty()) loop_.post(wake_);
  }

  event::Loop& loop_;
  Share share_;
  List<event::Task> waiting_;
  event::Task wake_;
};

}  // namespace weir::proxy
