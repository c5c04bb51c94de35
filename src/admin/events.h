// SPDX-License-Identifier: Apache-2.0
//
// Events: what has happened, in order, for `watch`, `explain server` and programs: a bounded ring of JSON
// objects, numbered without gaps from 1.  Who reads too slowly learns which numbers it has missed.
#pragma once

#include "admin/record_ring.h"

#include <cstdint>
#include <optional>
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
  /// As many as this holds are kept, some 13,000 of the usual kind, and never more than `most_kept`.
  static constexpr std::size_t room = std::size_t{2} << 20;
  static constexpr std::size_t most_kept = 16'384;

  /// Its number is given here.
  void add(const Event& event);
  std::uint64_t last() const { return kept_.last(); }
  /// The event of that number, if it is kept.
  std::optional<Event> find(std::uint64_t seq) const;
  /// The oldest one; last() + 1 if there is none.
  std::uint64_t first_kept() const { return kept_.first(); }

  void subscribe(EventListener& listener) { listeners_.push_back(&listener); }
  void unsubscribe(EventListener& listener) { std::erase(listeners_, &listener); }

  /// One line of JSON, with its end.
  static std::string line(const Event& event, std::uint64_t generation);

 private:
  RecordRing kept_{room, most_kept};
  std::vector<EventListener*> listeners_;
};

/// "2026-11-21T06:00:00.123Z"
std::string time_text(std::int64_t wall_us);

}  // namespace weir::admin
