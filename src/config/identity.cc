// SPDX-License-Identifier: Apache-2.0
#include "config/identity.h"

#include "base/text.h"
#include "config/properties.h"

#include <algorithm>
#include <cstddef>
#include <unordered_map>

namespace weir::config {

namespace {

template <typename T>
const T* find_number(const std::vector<T>& among, std::uint32_t number) {
  const auto found = std::find_if(among.begin(), among.end(),
                                  [number](const T& each) { return each.number == number; });
  return found == among.end() ? nullptr : &*found;
}

}  // namespace

// Matchers may stand in any order, so they are put in one.
std::string canonical_matchers(const Route& route) {
  if (route.matchers.empty()) return "*";
  std::vector<std::string> texts;
  for (const Matcher& matcher : route.matchers) texts.push_back(canonical_text(matcher));
  std::sort(texts.begin(), texts.end());
  texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
  std::string all;
  for (const std::string& text : texts) all.append(all.empty() ? "" : " ").append(text);
  return all;
}

std::vector<std::string> route_identities(const Listener& listener) {
  std::vector<std::string> identities;
  std::unordered_map<std::string, std::size_t> times;
  for (const Route& route : listener.routes) {
    std::string& identity = identities.emplace_back(
        concat(listener.name, "/", route.named ? route.name : canonical_matchers(route)));
    if (route.named) continue;
    if (const std::size_t nth = ++times[identity]; nth > 1)
      identity += concat(" #", std::to_string(nth));
  }
  return identities;
}

const Listener* find_listener(const Config& config, std::uint32_t number) {
  return find_number(config.listeners, number);
}
const Route* find_route(const Listener& listener, std::uint32_t number) {
  return find_number(listener.routes, number);
}

}  // namespace weir::config
