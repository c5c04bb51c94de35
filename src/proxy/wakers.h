// SPDX-License-Identifier: Apache-2.0
//
// Wakers: who is woken by which Waker.  A Waker names a place here and the serial number under which it was given away; so
// one that is fired late, or twice, finds that it means nobody any more.
#pragma once

#include <weir/stream.h>

#include <cstdint>
#include <vector>

namespace weir::proxy {

/// Who can be woken.
class Sleeper {
 public:
  /// A Waker of this direction was fired; called at once.
  virtual void on_fired(Direction direction) = 0;

 protected:
  ~Sleeper() = default;
};

class Wakers final : public Waker::Table {
 public:
  /// A place for a sleeper, who gives it back by `release`, fired or not.
  Waker take(Sleeper& sleeper, Direction direction, std::uint32_t& place) {
    if (free_ == none) {
      free_ = static_cast<std::uint32_t>(slots_.size());
      slots_.push_back({});
    }
    place = free_;
    Slot& slot = slots_[place];
    free_ = slot.next_free;
    slot.sleeper = &sleeper;
    slot.direction = direction;
    return Waker(*this, place, slot.serial);
  }
  void release(std::uint32_t place) {
    Slot& slot = slots_[place];
    slot.sleeper = nullptr;
    ++slot.serial;
    slot.next_free = free_;
    free_ = place;
  }
  void fire(std::uint32_t index, std::uint32_t serial) override {
    Slot& slot = slots_[index];
    if (slot.sleeper && slot.serial == serial) slot.sleeper->on_fired(slot.direction);
  }

 private:
  static constexpr std::uint32_t none = UINT32_MAX;
  struct Slot {
    Sleeper* sleeper = nullptr;
    std::uint32_t serial = 1;
    std::uint32_t next_free = none;
    Direction direction = Direction::Request;
  };
  std::vector<Slot> slots_;
  std::uint32_t free_ = none;
};

}  // namespace weir::proxy
