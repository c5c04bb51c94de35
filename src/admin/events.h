// SPDX-License-Identifier: Apache-2.0
//
// Events: what has happened, in order, for `watch`, `explain server` and programs: a bounded ring of JSON
// objects, numbered without gaps from 1.  Who reads too slowly learns which numbers it has missed.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace weir::admin {

struct Event {
  std::uint64_t seq = 0;
  std::int64_t time_us = 0;  ///< wall clock
  std::string type, object, from, to, reason, cause;
};

class EventListener {
 public:
  /// There is more to read.
  virtual void on_event() noexcept = 0;

 protected:
  ~EventListener() = default;
};

class Events {
 public:
  /// So many are kept.
  static constexpr std::size_t most_kept = 16'384;

  void add(Event event);
  std::uint64_t last() const { return last_; }
  /// The event of that number, or null if it is not kept any more or not there yet.
  const Event* find(std::uint64_t seq) const;
  std::uint64_t first_kept() const { return kept_.empty() ? last_ + 1 : kept_.front().seq; }
  const std::deque<Event>& kept() const { return kept_; }

  void subscribe(EventListener& listener) { listeners_.push_back(&listener); }
  void unsubscribe(EventListener& listener) { std::erase(listeners_, &listener); }

  /// One line of JSON, with its end.
  static std::string line(const Event& event, std::uint64_t generation);

 private:
  std::deque<Event> kept_;
  std::vector<EventListener*> listeners_;
  std::uint64_t last_ = 0;
};

/// "2026-11-21T06:00:00.123Z"
std::string time_text(std::int64_t wall_us);

}  // namespace weir::admin
