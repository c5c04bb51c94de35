// SPDX-License-Identifier: Apache-2.0
#include "admin/drain_commands.h"

#include "base/text.h"
#include "base/wording.h"
#include "config/units.h"
#include "proxy/readiness.h"

#include <optional>

namespace weir::admin {

namespace {

std::optional<std::uint32_t> find_listener(const Fleet& fleet, std::string_view name,
                                           Reply& reply) {
  std::vector<std::string_view> names;
  for (const config::Listener& listener : fleet.config().listeners) {
    if (listener.name == name) return listener.number;
    names.push_back(listener.name);
  }
  reply.fail("unknown", unknown_word("listener", name, names));
  return std::nullopt;
}

// Takes `listener L` off the words; without it the scope is the instance.
std::optional<std::uint32_t> take_scope(const Call& call, std::span<const std::string>& words,
                                        Reply& reply) {
  if (words.empty() || words[0] != "listener") return shm::Drain::instance;
  if (words.size() < 2) {
    reply.fail("usage", "write listener NAME");
    return std::nullopt;
  }
  auto listener = find_listener(call.fleet, words[1], reply);
  words = words.subspan(2);
  if (!listener) return std::nullopt;
  return shm::Drain::of_listener(*listener);
}

std::uint64_t microseconds(config::Milliseconds time) {
  return static_cast<std::uint64_t>(time.count()) * 1000;
}

// `[TIME] [until N]`.
bool take_wish(std::span<const std::string> words, DrainWish& wish, Reply& reply) {
  if (!words.empty() && words[0] != "until") {
    auto time = config::parse_duration(words[0]);
    if (!time) {
      reply.fail("usage", time.error().text());
      return false;
    }
    wish.limit_us = microseconds(*time);
    words = words.subspan(1);
  }
  if (words.empty()) return true;
  auto number = words[0] == "until" && words.size() == 2 ? to_number(words[1]) : std::nullopt;
  if (!number || *number > UINT32_MAX) {
    reply.fail("usage", "write [TIME] [until N], where N is how many connections may be left");
    return false;
  }
  wish.most_left = static_cast<std::uint32_t>(*number);
  return true;
}

}  // namespace

void drain(const Call& call, Reply& reply) {
  const config::Config& config = call.fleet.config();
  DrainWish wish;
  wish.delay_us = config.drain_delay ? microseconds(*config.drain_delay) : 0;
  wish.limit_us = microseconds(config.shutdown_timeout);
  wish.by = call.caller.by;
  auto words = call.words;
  auto scope = take_scope(call, words, reply);
  if (!scope || !take_wish(words, wish, reply)) return;
  reply.drained_at = call.fleet.drains.begin(*scope, wish);
  reply.text = concat(call.fleet.drains.name(*scope), " ",
                      phase_word(call.fleet.drains.order(*scope).phase));
}

void undrain(const Call& call, Reply& reply) {
  auto words = call.words;
  auto scope = take_scope(call, words, reply);
  if (!scope) return;
  if (!words.empty()) return reply.fail("usage", "write undrain [listener NAME]");
  reply.drained_at = call.fleet.drains.take_back(*scope, call.caller.by);
  reply.text = concat(call.fleet.drains.name(*scope), " ", "serving");
}

void ready(const Call& call, Reply& reply) {
  std::string_view why;
  if (call.words.empty()) {
    why = proxy::why_not_ready(call.fleet.segment);
  } else {
    auto listener = find_listener(call.fleet, call.words[0], reply);
    if (!listener) return;
    why = proxy::why_not_ready(call.fleet.segment, *listener);
  }
  if (!why.empty()) return reply.fail("refused", concat("not ready: ", why));
  reply.text = "ready";
}

}  // namespace weir::admin
