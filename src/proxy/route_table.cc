// SPDX-License-Identifier: Apache-2.0
#include "proxy/route_table.h"

#include "base/cursor.h"
#include "base/hash.h"
#include "base/text.h"
#include "http/field.h"
#include "http/path_readings.h"
#include "http/url.h"

#include <algorithm>
#include <cstdint>

namespace weir::proxy {

namespace {

using config::Match;
using config::Matcher;

constexpr std::size_t deepest = 63;

template <typename Slots, typename Same>
std::int32_t find_slot(const Slots& slots, std::uint64_t hash, Same same) {
  if (slots.empty()) return -1;
  std::size_t mask = slots.size() - 1;
  for (std::size_t i = hash & mask; slots[i].index >= 0; i = (i + 1) & mask)
    if (slots[i].hash == hash && same(slots[i].index)) return slots[i].index;
  return -1;
}

// Keeps the table at most half full, so that a miss ends soon.
template <typename Slots>
void insert_slot(Slots& slots, std::uint64_t hash, std::int32_t index, std::size_t count) {
  auto place = [](Slots& into, std::uint64_t h, std::int32_t i) {
    std::size_t mask = into.size() - 1, at = h & mask;
    while (into[at].index >= 0) at = (at + 1) & mask;
    into[at].hash = h;
    into[at].index = i;
  };
  if (count * 2 >= slots.size()) {
    Slots bigger(std::max<std::size_t>(16, slots.size() * 2));
    for (const auto& slot : slots)
      if (slot.index >= 0) place(bigger, slot.hash, slot.index);
    slots.swap(bigger);
  }
  place(slots, hash, index);
}

std::uint64_t bucket_hash(std::uint32_t group, int kind, std::string_view path) {
  return fast_hash(path, std::uint64_t{group} * 4 + static_cast<unsigned>(kind));
}

std::size_t segments_of(std::string_view path) {
  return static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}

bool host_matches(std::string_view pattern, std::string_view host) {
  if (pattern.starts_with("*."))
    return host.size() > pattern.size() - 1 && host.ends_with(pattern.substr(1));
  return host == pattern;
}

bool path_matches(std::string_view pattern, std::string_view path) {
  if (!pattern.ends_with("/*")) return path == pattern;
  std::string_view prefix = pattern.substr(0, pattern.size() - 2);
  return path.starts_with(prefix) && (path.size() == prefix.size() || path[prefix.size()] == '/');
}

bool header_matches(const Matcher& matcher, const Headers& headers) {
  return std::any_of(headers.begin(), headers.end(), [&matcher](const Field& field) {
    return field.value == matcher.value && iequals(field.name, matcher.name);
  });
}

bool query_matches(const Matcher& matcher, std::string_view query) {
  while (!query.empty()) {
    std::string_view raw = take_until(query, '&');
    if (take_until(raw, '=') != matcher.name) continue;
    std::string decoded(raw.size(), '\0');
    if (http::percent_decode(raw, decoded.data(), true) == matcher.value) return true;
  }
  return false;
}

bool certificate_matches(const Matcher& matcher, const tls::ClientCertificate* shown) {
  if (!shown) return false;
  if (matcher.name == "subject") return shown->subject == matcher.value;
  if (matcher.name == "fingerprint") return shown->fingerprint == matcher.value;
  std::vector<std::string_view> names = split(shown->names, ',');
  return std::find(names.begin(), names.end(), matcher.value) != names.end();
}

bool is_alternative(const Matcher& one, const Matcher& other) {
  return !other.negated && other.kind == one.kind && other.name == one.name;
}

}  // namespace

std::int32_t RouteTable::find_group(std::string_view host) const {
  return find_slot(group_slots_, fast_hash(host), [&](std::int32_t i) {
    return groups_[static_cast<std::size_t>(i)].host == host;
  });
}

std::uint32_t RouteTable::group_for(const std::string& host) {
  std::int32_t found = find_group(host);
  if (found >= 0) return static_cast<std::uint32_t>(found);
  groups_.push_back({host});
  auto index = static_cast<std::int32_t>(groups_.size() - 1);
  insert_slot(group_slots_, fast_hash(host), index, groups_.size());
  return static_cast<std::uint32_t>(index);
}

std::int32_t RouteTable::find_bucket(std::uint32_t group, PathKind kind,
                                     std::string_view path) const {
  return find_slot(bucket_slots_, bucket_hash(group, static_cast<int>(kind), path),
                   [&](std::int32_t i) {
                     const Bucket& bucket = buckets_[static_cast<std::size_t>(i)];
                     return bucket.group == group && bucket.kind == kind && bucket.path == path;
                   });
}

RouteTable::Bucket& RouteTable::bucket_for(std::uint32_t group, PathKind kind,
                                           const std::string& path) {
  std::int32_t found = find_bucket(group, kind, path);
  if (found >= 0) return buckets_[static_cast<std::size_t>(found)];
  buckets_.push_back({group, kind, path, {}});
  auto index = static_cast<std::int32_t>(buckets_.size() - 1);
  insert_slot(bucket_slots_, bucket_hash(group, static_cast<int>(kind), path), index,
              buckets_.size());
  Group& owner = groups_[group];
  if (kind == PathKind::Exact) owner.has_exact = true;
  if (kind == PathKind::Prefix)
    owner.depths |= std::uint64_t{1} << std::min(segments_of(path), deepest);
  if (kind == PathKind::Any) owner.any = index;
  return buckets_.back();
}

Result<RouteTable> RouteTable::build(const config::Listener& listener) {
  std::vector<const config::Route*> routes;
  for (const config::Route& route : listener.routes) routes.push_back(&route);
  return build(std::move(routes), listener.limits.path_check.value_or(config::PathCheck::On));
}

Result<RouteTable> RouteTable::build(std::vector<const config::Route*> routes,
                                     config::PathCheck path_check) {
  RouteTable table;
  table.path_check_ = path_check;
  for (std::uint32_t number = 0; number < routes.size(); ++number) {
    const config::Route& route = *routes[number];
    std::vector<std::string> hosts, paths;
    bool plain = true;
    for (const Matcher& matcher : route.matchers) {
      bool is_key =
          !matcher.negated && (matcher.kind == Match::Host || matcher.kind == Match::Path);
      plain = plain && is_key;
      if (matcher.kind == Match::Path)
        table.longest_path_ = std::max(table.longest_path_, matcher.value.size());
      if (is_key) (matcher.kind == Match::Host ? hosts : paths).push_back(matcher.value);
      if (matcher.kind != Match::PathRegex) continue;
      auto regex = Regex::compile(matcher.value);
      if (!regex) return regex.error().within("route " + route.name + ": path_regex");
      table.regexes_.emplace_back(&matcher, std::move(*regex));
    }
    table.plain_.push_back(plain);
    if (hosts.empty()) hosts.emplace_back();
    if (paths.empty()) paths.emplace_back();
    for (const std::string& host : hosts) {
      bool suffix = host.starts_with("*.");
      table.has_suffixes_ |= suffix;
      std::uint32_t group = table.group_for(suffix ? host.substr(1) : host);
      for (const std::string& path : paths) {
        bool prefix = path.ends_with("/*");
        PathKind kind = path.empty() ? PathKind::Any : prefix ? PathKind::Prefix : PathKind::Exact;
        std::vector<std::uint32_t>& numbers =
            table.bucket_for(group, kind, prefix ? path.substr(0, path.size() - 2) : path).routes;
        if (numbers.empty() || numbers.back() != number) numbers.push_back(number);
      }
    }
  }
  std::sort(table.regexes_.begin(), table.regexes_.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  table.routes_ = std::move(routes);
  return table;
}

RouteTable::Truth RouteTable::holds(const Matcher& matcher, const Subject& subject) const {
  const auto truth = [](bool holds) { return holds ? Truth::Yes : Truth::No; };
  const RequestHead& request = subject.request;
  const Peer& peer = subject.peer;
  switch (matcher.kind) {
    case Match::Host: return truth(host_matches(matcher.value, request.host));
    case Match::Path: return truth(path_matches(matcher.value, subject.path));
    case Match::Method: return truth(request.method_text == matcher.value);
    case Match::Header: return truth(header_matches(matcher, request.headers));
    case Match::Query: return truth(query_matches(matcher, request.query));
    case Match::Cookie: {
      std::string_view value = http::cookie(request.headers, matcher.name);
      return truth(value.data() && value == matcher.value);
    }
    case Match::Client: return truth(peer.client().is_in(matcher.cidr));
    case Match::Sni: return truth(host_matches(matcher.value, peer.server_name()));
    case Match::ClientCert: return truth(certificate_matches(matcher, peer.certificate()));
    case Match::Protocol: return truth(alpn_of(request.protocol) == matcher.value);
    case Match::PathRegex: {
      auto at = std::lower_bound(
          regexes_.begin(), regexes_.end(), &matcher,
          [](const auto& entry, const Matcher* wanted) { return entry.first < wanted; });
      const Regex::Outcome outcome = at->second.match(subject.path);
      return outcome == Regex::Outcome::LimitExceeded ? Truth::Unknown
                                                      : truth(outcome == Regex::Outcome::Match);
    }
  }
  return Truth::No;
}

// Whether any of the matchers from `first` on holds that are of its kind and name; the same kind
// repeated means or.  What one of them says for sure counts more than that another one does not know.
RouteTable::Truth RouteTable::holds_any(const std::vector<Matcher>& matchers, std::size_t first,
                                        const Subject& subject) const {
  Truth any = Truth::No;
  for (std::size_t i = first; i < matchers.size(); ++i) {
    if (!is_alternative(matchers[first], matchers[i])) continue;
    const Truth truth = holds(matchers[i], subject);
    if (truth == Truth::Yes) return Truth::Yes;
    if (truth == Truth::Unknown) any = Truth::Unknown;
  }
  return any;
}

Judgement RouteTable::judge(const config::Route& route, const Subject& subject) const {
  Judgement judgement;
  const auto& matchers = route.matchers;
  for (std::size_t i = 0; i < matchers.size(); ++i) {
    const Matcher& matcher = matchers[i];
    // A set of alternatives is judged as a whole at its first member.
    const auto is_same = [&](const Matcher& other) { return is_alternative(matcher, other); };
    const auto here = matchers.begin() + static_cast<std::ptrdiff_t>(i);
    if (!matcher.negated && std::any_of(matchers.begin(), here, is_same)) continue;
    const Truth truth = matcher.negated ? holds(matcher, subject) : holds_any(matchers, i, subject);
    if (truth == Truth::Unknown)
      judgement.unknown = judgement.unknown ? judgement.unknown : &matcher;
    else if ((truth == Truth::Yes) == matcher.negated)
      return {&matcher, nullptr};
  }
  return judgement;
}

void RouteTable::search_bucket(std::int32_t index, Search& search) const {
  if (index < 0) return;
  for (std::uint32_t number : buckets_[static_cast<std::size_t>(index)].routes) {
    if (number >= search.best) return;
    ++search.tried;
    const Judgement judgement =
        plain_[number] ? Judgement() : judge(*routes_[number], search.subject);
    if (judgement.failing) continue;
    search.best = number;
    search.is_unknown = judgement.unknown != nullptr;
    return;
  }
}

void RouteTable::search_group(std::uint32_t number, Search& search) const {
  const Group& group = groups_[number];
  std::string_view path = search.subject.path;
  if (group.has_exact) search_bucket(find_bucket(number, PathKind::Exact, path), search);
  search_bucket(group.any, search);
  if (group.depths == 0) return;
  // "/a/b" is tried as "/a/b", "/a", "": each ends where a segment ends.
  std::string_view prefix = path;
  if (prefix.ends_with('/')) prefix.remove_suffix(1);
  for (std::size_t depth = segments_of(prefix);; --depth) {
    if ((group.depths >> std::min(depth, deepest)) & 1)
      search_bucket(find_bucket(number, PathKind::Prefix, prefix), search);
    std::size_t slash = prefix.rfind('/');
    if (slash == std::string_view::npos) return;
    prefix = prefix.substr(0, slash);
  }
}

Decision RouteTable::match(const Subject& subject) const {
  constexpr std::uint32_t none = UINT32_MAX;
  const std::string_view host = subject.request.host;
  Search search{subject, none, 0, false};
  auto search_host = [&](std::string_view name) {
    std::int32_t group = find_group(name);
    if (group >= 0) search_group(static_cast<std::uint32_t>(group), search);
  };
  search_host("");
  if (!host.empty()) {
    search_host(host);
    if (has_suffixes_)
      for (std::size_t dot = host.find('.'); dot != std::string_view::npos;
           dot = host.find('.', dot + 1))
        if (dot > 0) search_host(host.substr(dot));
  }
  Decision decision;
  decision.tried = search.tried;
  if (search.best == none) return decision;
  decision.route = routes_[search.best];
  decision.position = search.best;
  if (search.is_unknown) decision.failure = http::Failure::RegexLimit;
  return decision;
}

Decision RouteTable::decide(const RequestHead& request, const Peer& peer, Arena& arena) const {
  const Subject subject{request, request.path, peer};
  Decision decision = match(subject);
  if (request.has_path_readings && decision.failure == http::Failure::None)
    compare_readings(subject, decision, arena);
  return decision;
}

// Only matchers of paths can come to another end; that the others are asked again changes nothing.
void RouteTable::compare_readings(const Subject& subject, Decision& decision, Arena& arena) const {
  using config::PathCheck;
  const PathCheck check =
      decision.route ? decision.route->limits.path_check.value_or(path_check_) : path_check_;
  if (check == PathCheck::Off) return;
  const http::Path path{subject.path, subject.request.forward_path, true};
  const http::Hidden hidden = http::find_hidden(path, arena);
  if (hidden != http::Hidden::Nothing) {
    decision.failure = hidden == http::Hidden::Control ? http::Failure::RequestTarget
                                                       : http::Failure::AmbiguousPath;
    return;
  }
  if (check != PathCheck::Strict && longest_path_ == 0 && regexes_.empty()) return;
  // An exact path needs one byte more to be told from a longer one, and a prefix its slash.
  const bool decides_whole = check == PathCheck::Strict || !regexes_.empty();
  http::PathReadings readings(path, decides_whole ? SIZE_MAX : longest_path_ + 2, arena);
  while (const auto reading = readings.next()) {
    const Decision other = match({subject.request, *reading, subject.peer});
    if (other.failure != http::Failure::None) {
      decision.failure = other.failure;
      return;
    }
    if (check != PathCheck::Strict && other.route == decision.route) continue;
    decision.failure = http::Failure::AmbiguousPath;
    decision.reading = arena.copy(*reading);
    decision.other = other.route;
    return;
  }
}

}  // namespace weir::proxy
