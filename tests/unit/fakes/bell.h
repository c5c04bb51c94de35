// SPDX-License-Identifier: Apache-2.0
//
// Bell: a call from the loop as soon as it has been rung, before what becomes readable later is told.
#pragma once

#include "event/watch.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <functional>
#include <utility>

namespace weir::test {

struct Bell final : event::ReadyEvents {
  Bell(event::Loop& loop, std::function<void()> then) : call(std::move(then)) {
    EXPECT_EQ(::pipe(ends), 0);
    watch.start(loop, ends[0], event::Watch::Edge::LevelRead, *this);
  }
  ~Bell() {
    watch.stop();
    ::close(ends[0]);
    ::close(ends[1]);
  }
  void ring() { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
  void on_ready(event::Ready) noexcept override {
    char byte;
    EXPECT_EQ(::read(ends[0], &byte, 1), 1);
    call();
  }
  std::function<void()> call;
  int ends[2] = {-1, -1};
  event::Watch watch;
};

}  // namespace weir::test
