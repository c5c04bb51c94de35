// SPDX-License-Identifier: Apache-2.0
#include "admin/events.h"

#include "admin/body.h"
#include "base/wall_time.h"

namespace weir::admin {

void Events::add(const Event& event) {
  kept_.add(
      {event.time_us, {event.type, event.object, event.from, event.to, event.reason, event.cause}});
  for (EventListener* listener : listeners_) listener->on_event();
}

std::optional<Event> Events::find(std::uint64_t seq) const {
  if (seq < kept_.first() || seq > kept_.last()) return std::nullopt;
  const auto [time_us, field] = kept_.at(seq);
  // By a name of its own: a capture of a structured binding is not for every compiler of C++20.
  auto text = [&fields = field](int i) { return std::string(fields[i]); };
  return Event{seq, time_us, text(0), text(1), text(2), text(3), text(4), text(5)};
}

std::string Events::line(const Event& event, std::uint64_t generation) {
  return json_object(
             {"seq", "time", "generation", "type", "object", "from", "to", "reason", "cause"},
             {event.seq, time_text(event.time_us), generation, event.type, event.object, event.from,
              event.to, event.reason, event.cause}) +
         "\n";
}

std::string time_text(std::int64_t wall_us) {
  if (wall_us == 0) return "";
  char text[wall_time_size + 8];
  return std::string(format_wall_time(wall_us, text));
}

}  // namespace weir::admin
