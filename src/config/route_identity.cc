// SPDX-License-Identifier: Apache-2.0
#include "config/route_identity.h"

#include "base/text.h"
#include "config/properties.h"

#include <algorithm>
#include <cstddef>
#include <unordered_map>

namespace weir::config {

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

// A name has no blank and no "*", matchers have one or the other; a value that begins with "#" is
// quoted.  So neither a name nor a suffix can be taken for something else.
std::vector<std::string> route_identities(const Listener& listener) {
  std::vector<std::string> identities;
  std::unordered_map<std::string, std::size_t> times;
  for (const Route& route : listener.routes) {
    std::string& identity = identities.emplace_back(
        concat(listener.name, "/", route.is_named ? route.name : canonical_matchers(route)));
    if (route.is_named) continue;
    if (const std::size_t nth = ++times[identity]; nth > 1)
      identity += concat(" #", std::to_string(nth));
  }
  return identities;
}

}  // namespace weir::config
