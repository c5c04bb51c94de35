// SPDX-License-Identifier: Apache-2.0
//
// Steps: what a test waits for on a loop, one thing after the other, without sleeping.  Where the end of
// the turn is taken (by an outbox), the loop is kept turning by a task instead.
#pragma once

#include "fakes/manual_clock.h"

#include <gtest/gtest.h>

#include <deque>
#include <functional>

namespace weir::test {

class Steps final : private event::TaskEvents {
 public:
  explicit Steps(event::Loop& loop, TimeKeeper* time = nullptr)
      : loop_(loop), time_(time), turn_(*this) {}

  /// Then: once `until` holds, `then` is done.
  Steps& when(
      std::function<bool()> until, std::function<void()> then = [] {}) {
    steps_.push_back({std::move(until), std::move(then)});
    return *this;
  }

  /// Turns until the last step is done.
  void run() {
    loop_.post(turn_);
    loop_.run();
  }

 private:
  void on_task() noexcept override {
    while (!steps_.empty() && steps_.front().until()) {
      auto then = std::move(steps_.front().then);
      steps_.pop_front();
      then();
    }
    if (steps_.empty()) return loop_.stop();
    if (time_) time_->look();
    loop_.post(turn_);
  }
  void give_up() {
    ADD_FAILURE() << "waited in vain, " << steps_.size() << " steps before the end";
    loop_.stop();
  }

  struct Step {
    std::function<bool()> until;
    std::function<void()> then;
  };
  event::Loop& loop_;
  TimeKeeper* time_;
  event::Task turn_;
  std::deque<Step> steps_;
  Alarm alarm_{loop_, [this] { give_up(); }};
};

}  // namespace weir::test
