// SPDX-License-Identifier: Apache-2.0
#include "config/route_names.h"

#include "base/hash.h"
#include "base/text.h"
#include "config/matchers.h"
#include "config/quoting.h"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <unordered_set>

namespace weir::config {

namespace {

constexpr std::size_t hash_digits = 8;

// Field names are kept in lower case; people write them so.
std::string in_title_case(std::string name) {
  bool begins = true;
  for (char& c : name) {
    if (begins) c = to_upper(c);
    begins = c == '-';
  }
  return name;
}

// A value that is one word stands as it is.
std::string in_name(const std::string& value) {
  const bool is_word = !value.empty() && std::all_of(value.begin(), value.end(),
                                                     [](char c) { return c > ' ' && c < 0x7f; });
  return is_word ? value : quoted(value);
}

std::string name_of(const Matcher& matcher) {
  const MatcherKind& kind = matcher_kind(matcher.kind);
  // Those of two values have a name and a value that may be a secret.
  const std::string told = kind.values == 1                ? in_name(matcher.value)
                           : matcher.kind == Match::Header ? in_title_case(matcher.name)
                                                           : in_name(matcher.name);
  return concat(matcher.negated ? "not " : "", kind.word, " ", told);
}

std::string shortened(std::string name) {
  if (name.size() <= longest_route_name) return name;
  const std::uint64_t hash = fast_hash(name);
  std::size_t end = longest_route_name - hash_digits - 1;
  while (end > 0 && (static_cast<unsigned char>(name[end]) & 0xc0) == 0x80) --end;  // within UTF-8
  name.resize(end);
  name += '~';
  for (std::size_t i = hash_digits; i-- > 0;) name += hex_digits[hash >> (4 * i) & 15];
  return name;
}

}  // namespace

void name_routes(std::vector<Route>& routes) {
  std::unordered_set<std::string> taken;
  for (const Route& route : routes)
    if (!route.name.empty()) taken.insert(route.name);
  for (Route& route : routes) {
    if (!route.name.empty()) continue;
    std::string name;
    for (const Matcher& matcher : route.matchers)
      name.append(name.empty() ? "" : " ").append(name_of(matcher));
    name = name.empty() ? "any" : shortened(std::move(name));
    route.name = name;
    for (int nth = 2; !taken.insert(route.name).second; ++nth)
      route.name = concat(name, " #", std::to_string(nth));
  }
}

}  // namespace weir::config
