// SPDX-License-Identifier: Apache-2.0
#include "admin/events.h"

#include "admin/body.h"
#include "base/wall_time.h"

namespace weir::admin {

void Events::add(Event event) {
  event.seq = ++last_;
  kept_.push_back(std::move(event));
  if (kept_.size() > most_kept) kept_.pop_front();
  for (EventListener* listener : listeners_) listener->on_event();
}

const Event* Events::find(std::uint64_t seq) const {
  if (kept_.empty() || seq < kept_.front().seq || seq > last_) return nullptr;
  return &kept_[static_cast<std::size_t>(seq - kept_.front().seq)];
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
