// SPDX-License-Identifier: Apache-2.0
#include "config/reachability.h"

#include "base/text.h"

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace weir::config {

namespace {

// Bounds of the work for one route; who goes beyond them gets no warning.
constexpr std::size_t most_pairs = 64;
constexpr std::size_t most_wider = 16;
constexpr std::size_t most_conditions = 8;
constexpr std::size_t most_lookups = 4096;

// Parts of keys are ended by a byte that is in no value, so that no two lists look the same.
void append_part(std::string& key, std::string_view part) { key.append(part).push_back('\0'); }

// The pattern itself and those that take all of it; "" stands for any host or any path.
std::vector<std::string> wider_hosts(std::string_view host) {
  std::vector<std::string> wider = {std::string(host)};
  if (host.empty()) return wider;
  std::size_t dot = host.find('.', host.starts_with("*.") ? 2 : 0);
  for (; dot != std::string_view::npos && wider.size() < most_wider; dot = host.find('.', dot + 1))
    wider.push_back(concat("*", host.substr(dot)));
  wider.emplace_back();
  return wider;
}

std::vector<std::string> wider_paths(std::string_view path) {
  std::vector<std::string> wider = {std::string(path)};
  if (path.empty()) return wider;
  if (path.ends_with("/*"))
    path.remove_suffix(2);
  else
    wider.push_back(concat(path == "/" ? "" : path, "/*"));
  std::size_t slash = path.find('/', 1);
  wider.emplace_back("/*");
  for (; slash != std::string_view::npos && wider.size() < most_wider;
       slash = path.find('/', slash + 1))
    wider.push_back(concat(path.substr(0, slash), "/*"));
  wider.emplace_back();
  return wider;
}

// What a route demands of a request, in a form that can be compared.
struct Demand {
  std::vector<std::string> hosts, paths;  // alternatives; one "" = any
  std::vector<std::string> conditions;    // sorted; all must hold
};

std::string condition_of(std::vector<std::string> alternatives, Match kind, bool negated) {
  std::sort(alternatives.begin(), alternatives.end());
  alternatives.erase(std::unique(alternatives.begin(), alternatives.end()), alternatives.end());
  std::string condition = {static_cast<char>('a' + static_cast<int>(kind)), negated ? '!' : '='};
  append_part(condition, std::to_string(alternatives.size()));
  for (const std::string& alternative : alternatives) append_part(condition, alternative);
  return condition;
}

Demand demand_of(const Route& route) {
  Demand demand;
  std::vector<std::string> alternatives[static_cast<std::size_t>(Match::Protocol) + 1];
  for (const Matcher& matcher : route.matchers) {
    std::string value;
    append_part(value, matcher.name);
    append_part(value, matcher.value);
    if (matcher.negated)
      demand.conditions.push_back(condition_of({std::move(value)}, matcher.kind, true));
    else if (matcher.kind == Match::Host)
      demand.hosts.push_back(matcher.value);
    else if (matcher.kind == Match::Path)
      demand.paths.push_back(matcher.value);
    else
      alternatives[static_cast<std::size_t>(matcher.kind)].push_back(std::move(value));
  }
  for (std::size_t kind = 0; kind < std::size(alternatives); ++kind)
    if (!alternatives[kind].empty())
      demand.conditions.push_back(
          condition_of(std::move(alternatives[kind]), static_cast<Match>(kind), false));
  if (demand.hosts.empty()) demand.hosts.emplace_back();
  if (demand.paths.empty()) demand.paths.emplace_back();
  std::sort(demand.conditions.begin(), demand.conditions.end());
  demand.conditions.erase(std::unique(demand.conditions.begin(), demand.conditions.end()),
                          demand.conditions.end());
  return demand;
}

std::string all_of(const std::vector<std::string>& conditions) {
  std::string all;
  for (const std::string& condition : conditions) append_part(all, condition);
  return all;
}

std::string key_of(std::string_view conditions, std::string_view host, std::string_view path) {
  std::string key;
  append_part(key, host);
  append_part(key, path);
  return key.append(conditions);
}

class Cover {
 public:
  // The route that takes the last pair of this demand, if all its pairs are taken.
  std::optional<std::size_t> find(const Demand& demand) {
    if (demand.hosts.size() * demand.paths.size() > most_pairs ||
        demand.conditions.size() > most_conditions)
      return std::nullopt;
    std::vector<std::string> conditions = {{}};
    for (const std::string& condition : demand.conditions)
      conditions.push_back(all_of({condition}));
    if (demand.conditions.size() > 1) conditions.push_back(all_of(demand.conditions));
    last_lookup_ = lookups_ + most_lookups;
    std::optional<std::size_t> last;
    for (const std::string& host : demand.hosts) {
      const auto hosts = wider_hosts(host);
      for (const std::string& path : demand.paths) {
        const auto by = find_pair(conditions, hosts, wider_paths(path));
        if (!by) return std::nullopt;
        last = std::max(*by, last.value_or(0));
      }
    }
    return last;
  }

  void add(const Demand& demand, std::size_t route) {
    if (demand.hosts.size() * demand.paths.size() > most_pairs) return;
    const std::string conditions = all_of(demand.conditions);
    for (const std::string& host : demand.hosts)
      for (const std::string& path : demand.paths)
        taken_.emplace(key_of(conditions, host, path), route);
  }

  std::size_t lookups() const { return lookups_; }

 private:
  std::optional<std::size_t> find_pair(const std::vector<std::string>& conditions,
                                       const std::vector<std::string>& hosts,
                                       const std::vector<std::string>& paths) {
    for (const std::string& condition : conditions) {
      for (const std::string& host : hosts) {
        for (const std::string& path : paths) {
          if (++lookups_ > last_lookup_) return std::nullopt;
          const auto found = taken_.find(key_of(condition, host, path));
          if (found != taken_.end()) return found->second;
        }
      }
    }
    return std::nullopt;
  }

  std::unordered_map<std::string, std::size_t> taken_;
  std::size_t lookups_ = 0;
  std::size_t last_lookup_ = 0;  // for the route looked at now
};

}  // namespace

std::vector<Unreachable> find_unreachable(std::span<const Route> routes, std::size_t* lookups) {
  std::vector<Unreachable> found;
  Cover cover;
  for (std::size_t i = 0; i < routes.size(); ++i) {
    const Demand demand = demand_of(routes[i]);
    if (const auto by = cover.find(demand))
      found.push_back({i, *by});
    else
      cover.add(demand, i);
  }
  if (lookups) *lookups += cover.lookups();
  return found;
}

}  // namespace weir::config
