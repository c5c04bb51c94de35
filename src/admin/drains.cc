// SPDX-License-Identifier: Apache-2.0
#include "admin/drains.h"

#include <weir/log.h>

#include "base/text.h"
#include "base/wall_time.h"
#include "shm/server_table.h"

#include <algorithm>

namespace weir::admin {

using shm::DrainOrder;
using shm::DrainPhase;

namespace {

constexpr std::uint64_t look_us = 50'000;  // at the clients that are left

// Workers write these counts: no sum of them, nor of two sums, wraps round to "nobody is left".
std::uint32_t add(std::uint32_t sum, std::uint32_t some) {
  return static_cast<std::uint32_t>(std::min<std::uint64_t>(std::uint64_t{sum} + some, INT32_MAX));
}

}  // namespace

std::string_view phase_word(DrainPhase phase) {
  static constexpr std::string_view words[] = {"serving", "leaving", "draining", "drained"};
  return words[static_cast<std::size_t>(phase)];
}

Drains::Drains(event::Loop& loop, const shm::Segment& segment, Present present, Events& log,
               DrainEvents& events)
    : loop_(loop),
      drain_(segment),
      present_(std::move(present)),
      workers_(segment.layout().workers),
      log_(log),
      events_(events),
      next_(*this) {}

std::string_view Drains::name(std::uint32_t scope) const {
  if (scope == shm::Drain::instance) return "instance";
  for (const config::Listener& listener : present_().listeners)
    if (shm::Drain::of_listener(listener.number) == scope) return listener.name;
  return "a listener that is gone";
}

std::vector<std::uint32_t> Drains::listeners(std::uint32_t scope) const {
  std::vector<std::uint32_t> numbers;
  for (const config::Listener& listener : present_().listeners)
    if (scope == shm::Drain::instance || scope == shm::Drain::of_listener(listener.number))
      numbers.push_back(listener.number);
  return numbers;
}

std::vector<std::uint32_t> Drains::scopes() const {
  std::vector<std::uint32_t> scopes{shm::Drain::instance};
  for (std::uint32_t number : listeners(shm::Drain::instance))
    scopes.push_back(shm::Drain::of_listener(number));
  return scopes;
}

void Drains::forget_absent() {
  std::vector<std::uint32_t> present = scopes();
  for (std::uint32_t scope = 0; scope < drain_.scopes(); ++scope)
    if (std::find(present.begin(), present.end(), scope) == present.end())
      take_back(scope, "reload");
}

std::uint64_t Drains::seen_by_all() const {
  std::uint64_t least = UINT64_MAX;
  for (std::uint32_t i = 0; i < workers_; ++i) least = std::min(least, drain_.seen(i));
  return least;
}

shm::ClientsLeft Drains::clients(std::uint32_t scope) const {
  shm::ClientsLeft sum;
  for (std::uint32_t listener : listeners(scope)) {
    for (std::uint32_t worker = 0; worker < workers_; ++worker) {
      shm::ClientsLeft some = drain_.clients(worker, listener);
      sum.idle = add(sum.idle, some.idle);
      sum.busy = add(sum.busy, some.busy);
    }
  }
  return sum;
}

std::uint64_t Drains::enter(std::uint32_t scope, DrainOrder order, DrainPhase phase,
                            std::uint64_t now_us, std::uint64_t lasts_us, std::string_view why) {
  DrainPhase before = order.phase;
  order.phase = phase;
  order.ends_us = lasts_us ? now_us + lasts_us : 0;
  std::int64_t wall = wall_clock_us();
  if (before != phase) order.since_wall_us = wall;
  order.ends_wall_us = lasts_us ? wall + static_cast<std::int64_t>(lasts_us) : 0;
  std::uint64_t generation = drain_.give(scope, order);
  if (before != phase)
    log(Level::Notice, name(scope), " is ", phase_word(phase), ", was ", phase_word(before), ": ",
        why);
  if (before != phase)
    log_.add({0, wall, scope == shm::Drain::instance ? "instance.drain" : "listener.drain",
              std::string(name(scope)), std::string(phase_word(before)),
              std::string(phase_word(phase)), std::string(why), order.by});
  events_.on_drain_order();
  next_.set(loop_, loop_.now() + 1);
  return generation;
}

std::uint64_t Drains::begin(std::uint32_t scope, const DrainWish& wish) {
  DrainOrder order = drain_.order(scope);
  shm::set_text(order.by, wish.by);
  order.limit_us = wish.limit_us;
  order.most_left = wish.most_left;
  std::uint64_t now = loop_.read_clock();
  switch (order.phase) {
    case DrainPhase::Drained: return drain_.generation();
    case DrainPhase::Draining:
      return enter(scope, order, DrainPhase::Draining, now, wish.limit_us, "");
    case DrainPhase::Leaving: {
      std::uint64_t rest = order.ends_us > now ? order.ends_us - now : 1;
      return enter(scope, order, DrainPhase::Leaving, now, rest, "");
    }
    case DrainPhase::Serving: break;
  }
  bool leaves = wish.delay_us > 0;
  return enter(scope, order, leaves ? DrainPhase::Leaving : DrainPhase::Draining, now,
               leaves ? wish.delay_us : wish.limit_us, "asked for");
}

std::uint64_t Drains::take_back(std::uint32_t scope, std::string_view by) {
  DrainOrder order = drain_.order(scope);
  if (order.phase == DrainPhase::Serving) return drain_.generation();
  shm::set_text(order.by, by);
  return enter(scope, order, DrainPhase::Serving, loop_.read_clock(), 0, "asked for");
}

// The gates have to be shut first: until then clients come that nobody has counted yet.
bool Drains::is_done(std::uint32_t scope, const DrainOrder& order) const {
  for (std::uint32_t listener : listeners(scope)) {
    for (std::uint32_t worker = 0; worker < workers_; ++worker)
      if (!drain_.is_shut(worker, listener, order.generation)) return false;
  }
  shm::ClientsLeft left = clients(scope);
  return left.idle == 0 && left.busy <= order.most_left;
}

void Drains::advance(std::uint32_t scope, std::uint64_t now_us) {
  DrainOrder order = drain_.order(scope);
  bool is_over = order.ends_us != 0 && now_us >= order.ends_us;
  if (order.phase == DrainPhase::Leaving && is_over) {
    enter(scope, order, DrainPhase::Draining, now_us, order.limit_us, "drain_delay is over");
  } else if (order.phase == DrainPhase::Draining && (is_over || is_done(scope, order))) {
    shm::ClientsLeft left = clients(scope);
    std::string count = std::to_string(left.idle + left.busy);
    bool none = left.idle + left.busy == 0;
    enter(scope, order, DrainPhase::Drained, now_us, 0,
          none      ? "no connection is left"
          : is_over ? concat("the time is up, ", count, " connections closed")
                    : concat("few are left, ", count, " connections closed"));
  }
}

void Drains::advance(std::uint64_t now_us) {
  for (std::uint32_t scope : scopes()) advance(scope, now_us);
}

void Drains::on_deadline() noexcept {
  advance(loop_.read_clock());
  std::uint64_t at = 0;
  auto sooner = [&at](std::uint64_t than) { at = at == 0 ? than : std::min(at, than); };
  for (std::uint32_t scope : scopes()) {
    DrainOrder order = drain_.order(scope);
    if (order.phase == DrainPhase::Leaving) sooner(order.ends_us);
    if (order.phase == DrainPhase::Draining) sooner(loop_.now() + look_us);
  }
  next_.set(loop_, at);
}

bool Drains::is_any_ordered() const {
  std::vector<std::uint32_t> all = scopes();
  return std::any_of(all.begin(), all.end(), [this](std::uint32_t scope) {
    return order(scope).phase != shm::DrainPhase::Serving;
  });
}

std::string Drains::describe(std::uint32_t scope) const {
  DrainOrder order = drain_.order(scope);
  std::string text(phase_word(order.phase));
  if (order.phase == DrainPhase::Serving) return text;
  shm::ClientsLeft left = clients(scope);
  text += concat(" since ", time_text(order.since_wall_us), " by ", std::string_view(order.by),
                 ", connections ", std::to_string(left.idle + left.busy), ", in flight ",
                 std::to_string(left.busy));
  if (order.phase != DrainPhase::Drained && order.most_left > 0)
    text += concat(", done at ", std::to_string(order.most_left));
  if (order.ends_wall_us) text += concat(", ends ", time_text(order.ends_wall_us));
  return text;
}

std::string Drains::to_json() const {
  std::string out = "[";
  for (std::uint32_t scope : scopes()) {
    DrainOrder order = drain_.order(scope);
    if (order.phase == DrainPhase::Serving) continue;
    shm::ClientsLeft left = clients(scope);
    out += (out.size() > 1 ? "," : "") +
           json_object(
               {"type", "object", "phase", "since", "by", "connections", "in_flight", "until",
                "deadline"},
               {scope == shm::Drain::instance ? "instance" : "listener", name(scope),
                phase_word(order.phase), time_text(order.since_wall_us), std::string_view(order.by),
                left.idle + left.busy, left.busy, order.most_left, time_text(order.ends_wall_us)});
  }
  return out + "]";
}

}  // namespace weir::admin
