// SPDX-License-Identifier: Apache-2.0
#include "config/diff.h"

#include "base/text.h"
#include "config/identity.h"
#include "config/pairing.h"
#include "config/print.h"
#include "config/properties.h"
#include "config/quoting.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

namespace weir::config {

namespace {

using Kind = Change::Kind;

// What processes take upon themselves when they start.
constexpr std::array<std::string_view, 4> fixed = {"user", "group", "chroot", "jit"};
constexpr std::string_view signs[] = {"+ ", "- ", "~ "};  // in the order of Change::Kind
constexpr std::size_t most_listed = 8;                    // of those whose order differs
constexpr std::size_t most_shown = 200;                   // bytes of a value

bool is_same(const Properties& a, const Properties& b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](const Property& one, const Property& other) {
                      return one.name == other.name && one.meaning == other.meaning;
                    });
}

// What a property is known by in its object.
std::vector<std::string> keys(const Properties& list) {
  std::vector<std::string> all;
  std::unordered_map<std::string, std::size_t> times;
  for (const Property& property : list) {
    std::string& key = all.emplace_back(property.name);
    if (property.kind == Property::Kind::Single) continue;
    key.append(" ").append(property.meaning);
    if (property.kind == Property::Kind::Set) continue;
    const std::size_t nth = ++times[key];
    key.append(" #").append(std::to_string(nth));
  }
  return all;
}

template <typename T, typename Key>
std::vector<std::string> keys(const std::vector<T>& objects, Key key) {
  std::vector<std::string> all;
  for (const T& object : objects) all.push_back(key(object));
  return all;
}

// The part of a list of labels in which it differs from another one of the same length.
std::string differing(const std::vector<std::string>& labels,
                      const std::vector<std::string>& others) {
  const auto first = std::mismatch(labels.begin(), labels.end(), others.begin()).first;
  const auto last = std::mismatch(labels.rbegin(), labels.rend(), others.rbegin()).first.base();
  std::string all;
  for (auto at = first; at != last; ++at) {
    if (all.empty()) {
      all = *at;
    } else if (static_cast<std::size_t>(at - first) == most_listed) {
      return all + ", ...";
    } else {
      all.append(", ").append(*at);
    }
  }
  return all;
}

// The changes of a listener's or a backend's own policies: said once, when the first route shows them.
class Outer {
 public:
  void keep(std::vector<Change> changes) {
    for (Change& change : changes) {
      numbers_.emplace(key(change.kind, change.what), changes_.size());
      changes_.emplace_back(std::move(change));
    }
  }

  // Whether the change of a route is one of these; the first time, this one is said in its place.
  bool explains(const std::string& key, std::vector<Change>& said) {
    const auto found = numbers_.find(key);
    if (found == numbers_.end()) return false;
    say(changes_[found->second], said);
    return true;
  }

  // Those that no route has shown.
  void say_rest(std::vector<Change>& said) {
    for (auto& change : changes_) say(change, said);
  }

  static std::string key(Kind kind, std::string_view what) {
    return concat(signs[static_cast<std::size_t>(kind)], what);
  }

 private:
  static void say(std::optional<Change>& change, std::vector<Change>& said) {
    if (change) said.push_back(*std::exchange(change, std::nullopt));
  }

  std::vector<std::optional<Change>> changes_;
  std::unordered_map<std::string, std::size_t> numbers_;
};

class Comparison {
 public:
  Comparison(const Config& from, const Config& to) : from_(from), to_(to) {}

  std::vector<Change> run() {
    compare(properties(from_), properties(to_), {"", "", "nameserver"});
    objects("admin ", from_.admin, to_.admin,
            [](const AdminSocket& socket) { return quoted(socket.at.text); });
    for (const Backend& backend : from_.backends) old_backends_.emplace(backend.name, &backend);
    for (const Backend& backend : to_.backends) new_backends_.emplace(backend.name, &backend);
    objects("listener ", from_.listeners, to_.listeners,
            [](const Listener& listener) { return listener.name; });
    objects("backend ", from_.backends, to_.backends,
            [](const Backend& backend) { return backend.name; });
    return std::move(changes_);
  }

 private:
  // Whose properties are compared; at the main level they are objects themselves.
  struct Subject {
    std::string object;
    std::string_view prefix;    // before the names of the properties
    std::string_view sequence;  // what those are called whose order means something
  };

  void add(Kind kind, std::string object, std::string what, const Place* from, const Place* to) {
    changes_.push_back({kind,
                        std::move(object),
                        std::move(what),
                        {},
                        {},
                        place_text(from_, from),
                        place_text(to_, to)});
  }

  // Objects of one kind by their names; each pair is compared by the function for its type.
  template <typename T, typename Key>
  void objects(std::string_view kind, const std::vector<T>& from, const std::vector<T>& to,
               Key key) {
    const Pairing pairs = pair_up(keys(from, key), keys(to, key));
    for (const std::size_t i : pairs.removed)
      add(Kind::Removed, concat(kind, key(from[i])), "", &from[i].place, nullptr);
    for (const auto& [a, b] : pairs.common) compare(from[a], to[b], concat(kind, key(to[b])));
    for (const std::size_t i : pairs.added)
      add(Kind::Added, concat(kind, key(to[i])), "", nullptr, &to[i].place);
  }

  void compare(const AdminSocket& from, const AdminSocket& to, const std::string& object) {
    compare(properties(from), properties(to), {object, "", ""});
  }

  void compare(const Server& from, const Server& to, const std::string& object) {
    compare(properties(from), properties(to), {object, "", ""});
  }

  void compare(const Backend& from, const Backend& to, const std::string& object) {
    Properties before = properties(from_, from), after = properties(to_, to);
    add_blocks(from, before);
    add_blocks(to, after);
    compare(before, after, {object, "", ""});
    if (from.check && to.check)
      compare(properties(*from.check), properties(*to.check), {object, "check ", "header"});
    if (from.tls && to.tls)
      compare(properties(*from.tls), properties(*to.tls), {object, "tls ", ""});
    if (from.outlier && to.outlier)
      compare(properties(*from.outlier), properties(*to.outlier), {object, "outlier ", ""});
    if (from.pipeline && to.pipeline)
      compare(properties(*from.pipeline), properties(*to.pipeline), {object, "pipeline ", ""});
    objects(concat("server ", to.name, "/"), from.servers, to.servers,
            [](const Server& server) { return server.name; });
  }

  // The heads of blocks, so that one that comes or goes is one change.
  static void add_blocks(const Backend& backend, Properties& list) {
    if (backend.check) list.push_back({"check", check_text(*backend.check), &backend.check->place});
    if (backend.outlier) list.push_back({"outlier", "", &backend.outlier->place});
    if (backend.pipeline)
      list.push_back(
          {"pipeline", std::to_string(backend.pipeline->connections), &backend.pipeline->place});
    if (backend.tls) list.push_back({"tls", "", &backend.tls->place});
  }

  void compare(const Listener& from, const Listener& to, const std::string& object) {
    Properties before = properties(from), after = properties(to);
    if (from.tls) before.push_back({"tls", "", &from.tls->place});
    if (to.tls) after.push_back({"tls", "", &to.tls->place});
    compare(before, after, {object, "", ""});
    if (from.tls && to.tls)
      compare(properties(*from.tls), properties(*to.tls), {object, "tls ", "certificate"});
    listener_policies_ = Outer();
    const Properties former = properties(from.policies), latter = properties(to.policies);
    listener_policies_.keep(policy_changes(former, latter, object));
    listener_texts_.clear();
    for (const Properties* list : {&former, &latter})
      for (const Property& policy : *list) listener_texts_.insert(policy.text());
    routes(from, to, object);
    // They also hold for answers that no route gives.
    listener_policies_.say_rest(changes_);
  }

  void routes(const Listener& from, const Listener& to, const std::string& object) {
    Pairing pairs = pair_up(route_identities(from), route_identities(to));
    pair_renamed(from, to, pairs);
    const auto called = [](const Listener& listener, std::size_t i) {
      return concat("route ", listener.name, "/", listener.routes[i].name);
    };
    for (const std::size_t i : pairs.removed)
      add(Kind::Removed, called(from, i), "", &from.routes[i].place, nullptr);
    for (const auto& [a, b] : pairs.common) compare(from.routes[a], to.routes[b], called(to, b));
    for (const std::size_t i : pairs.added)
      add(Kind::Added, called(to, i), "", nullptr, &to.routes[i].place);
    if (!pairs.is_reordered()) return;
    const auto label = [&](std::size_t i) { return to.routes[i].name; };
    add(Kind::Changed, object, "order", &from.place, &to.place);
    say_order(pairs, label);
  }

  // Routes under another name that match the same.
  static void pair_renamed(const Listener& from, const Listener& to, Pairing& pairs) {
    if (pairs.removed.empty() || pairs.added.empty()) return;
    const auto matching = [](const Listener& listener, const std::vector<std::size_t>& numbers) {
      std::vector<std::string> all;
      for (const std::size_t i : numbers) all.push_back(canonical_matchers(listener.routes[i]));
      return all;
    };
    const Pairing renamed = pair_up(matching(from, pairs.removed), matching(to, pairs.added));
    for (const auto& [a, b] : renamed.common)
      pairs.common.emplace_back(pairs.removed[a], pairs.added[b]);
    const auto by_to = [](const auto& a, const auto& b) { return a.second < b.second; };
    std::sort(pairs.common.begin(), pairs.common.end(), by_to);
    for (const auto& [a, b] : renamed.common) pairs.removed[a] = pairs.added[b] = taken;
    std::erase(pairs.removed, taken);
    std::erase(pairs.added, taken);
  }

  void compare(const Route& from, const Route& to, const std::string& object) {
    Properties before = properties(from_, from), after = properties(to_, to);
    if (from.named || to.named) {
      before.push_back({"name", from.name, &from.place});
      after.push_back({"name", to.name, &to.place});
    }
    compare(before, after, {object, "", ""});
    const Chain former = chain_of(from_, from), latter = chain_of(to_, to);
    std::vector<Change> changes =
        policy_changes(properties(from.policies, former.front().bit),
                       properties(to.policies, latter.front().bit), object);
    std::set<std::string> known;
    for (Change& change : changes) {
      known.insert(Outer::key(change.kind, change.what));
      const bool gone = change.kind == Kind::Removed;
      if (!explains(change, (gone ? former : latter).front().name))
        changes_.push_back(std::move(change));
    }
    for (const Link& link : former)
      for (const Link& same : latter)
        if (&link != &former.front() && &same != &latter.front() && link.name == same.name)
          compare_fallback(properties(from.policies, link.bit), properties(to.policies, same.bit),
                           {object, link.name, known});
  }

  // A route on the way to one of its fallbacks, as it is called in both configurations; `known` is what changes anyway.
  struct OnFallback {
    const std::string& route;
    std::string_view backend;
    const std::set<std::string>& known;
  };

  void compare_fallback(const Properties& from, const Properties& to, const OnFallback& where) {
    for (Change& change : policy_changes(from, to, where.route)) {
      if (where.known.contains(Outer::key(change.kind, change.what)) ||
          explains(change, where.backend))
        continue;
      change.what.insert(0, concat("fallback ", where.backend, " "));
      changes_.push_back(std::move(change));
    }
  }

  // A backend that a route names, or a fallback of it.
  struct Link {
    std::string_view name;  // empty: the route does not forward
    std::uint16_t bit;      // as Policy::backends has it
  };
  using Chain = std::vector<Link>;

  static Chain chain_of(const Config& config, const Route& route) {
    if (route.action.kind != Act::Forward) return {{"", 1}};
    Chain chain;
    for (const std::uint32_t backend : config::chain_of(config, route.action.backend))
      chain.push_back(
          {config.backends[backend].name, static_cast<std::uint16_t>(1U << chain.size())});
    return chain;
  }

  std::vector<Change> policy_changes(const Properties& from, const Properties& to,
                                     const std::string& object) {
    std::vector<Change> others = std::exchange(changes_, {});
    compare(from, to, {object, "", "policy"});
    return std::exchange(changes_, std::move(others));
  }

  // What a listener says applies to its routes, and what a backend says to requests of a route that go there.
  bool explains(const Change& change, std::string_view backend) {
    const std::string key = Outer::key(change.kind, change.what);
    if (listener_policies_.explains(key, changes_)) return true;
    if (backend.empty()) return false;
    const auto [outer, fresh] = backend_policies_.try_emplace(backend);
    if (fresh) compare_policies_of(backend, outer->second);
    if (outer->second.explains(key, changes_)) return true;
    // A `none` there does the contrary to what stands in the listener.
    if (change.kind == Kind::Changed || !listener_texts_.contains(change.what)) return false;
    const Kind contrary = change.kind == Kind::Added ? Kind::Removed : Kind::Added;
    const std::string word = change.what.substr(0, change.what.find(' '));
    return outer->second.explains(Outer::key(contrary, concat(word, " none")), changes_);
  }

  void compare_policies_of(std::string_view backend, Outer& outer) {
    const auto from = old_backends_.find(backend), to = new_backends_.find(backend);
    if (from == old_backends_.end() || to == new_backends_.end()) return;
    const auto policies_of = [](const Backend& its) {
      Properties list = properties(its.cleared, its.place);
      for (Property& policy : properties(its.policies)) list.push_back(std::move(policy));
      return list;
    };
    outer.keep(policy_changes(policies_of(*from->second), policies_of(*to->second),
                              concat("backend ", backend)));
  }

  void compare(const Properties& from, const Properties& to, const Subject& subject) {
    if (is_same(from, to)) return;
    const Pairing pairs = pair_up(keys(from), keys(to));
    for (const std::size_t i : pairs.removed) say(subject, &from[i], nullptr);
    for (const auto& [a, b] : pairs.common)
      if (from[a].kind == Property::Kind::Single && from[a].meaning != to[b].meaning)
        say(subject, &from[a], &to[b]);
    for (const std::size_t i : pairs.added) say(subject, nullptr, &to[i]);
    say_sequence(from, to, pairs, subject);
  }

  // A default that only one side has follows from something else that differs.
  void say(const Subject& subject, const Property* from, const Property* to) {
    const Property& any = from ? *from : *to;
    const bool single = any.kind == Property::Kind::Single;
    if (single && !any.place && (!from || !to)) return;
    add(!from ? Kind::Added
        : !to ? Kind::Removed
              : Kind::Changed,
        subject.object, concat(subject.prefix, single ? std::string(any.name) : any.text()),
        from ? from->place : nullptr, to ? to->place : nullptr);
    Change& change = changes_.back();
    if (single && from) change.from = from->value;
    if (single && to) change.to = to->value;
    if (subject.object.empty()) make_object(change, any.name);
  }

  static void make_object(Change& change, std::string_view name) {
    change.object = std::exchange(change.what, {});
    change.needs_upgrade = std::find(fixed.begin(), fixed.end(), name) != fixed.end();
  }

  void say_sequence(const Properties& from, const Properties& to, const Pairing& all,
                    const Subject& subject) {
    Pairing pairs;
    for (const auto& [a, b] : all.common)
      if (to[b].kind == Property::Kind::Sequence) pairs.common.emplace_back(a, b);
    if (!pairs.is_reordered()) return;
    const auto& [a, b] = pairs.common.front();
    add(Kind::Changed, subject.object, concat(subject.prefix, subject.sequence, " order"),
        from[a].place, to[b].place);
    say_order(pairs, [&](std::size_t i) { return to[i].text(); });
    if (subject.object.empty()) make_object(changes_.back(), subject.sequence);
  }

  // The last change is one of order: of these, as they are labelled by their numbers in `to`.
  template <typename Label>
  void say_order(const Pairing& pairs, Label label) {
    auto in_from = pairs.common;
    std::sort(in_from.begin(), in_from.end());
    std::vector<std::string> before, after;
    for (const auto& [a, b] : in_from) before.push_back(label(b));
    for (const auto& [a, b] : pairs.common) after.push_back(label(b));
    changes_.back().from = differing(before, after);
    changes_.back().to = differing(after, before);
  }

  static constexpr std::size_t taken = static_cast<std::size_t>(-1);

  const Config& from_;
  const Config& to_;
  std::vector<Change> changes_;
  std::unordered_map<std::string_view, const Backend*> old_backends_, new_backends_;
  Outer listener_policies_;
  std::set<std::string> listener_texts_;  // of its policies in either configuration
  std::unordered_map<std::string_view, Outer> backend_policies_;
};

// A value in one line of bearable length.
std::string shown(std::string_view value) {
  if (value.size() <= most_shown) return std::string(value);
  std::size_t end = most_shown;
  while (end > 0 && (static_cast<unsigned char>(value[end]) & 0xC0U) == 0x80) --end;
  return concat(value.substr(0, end), "...");
}

}  // namespace

std::vector<Change> diff(const Config& from, const Config& to) {
  return Comparison(from, to).run();
}

std::string text(const Change& change) {
  std::string line(signs[static_cast<std::size_t>(change.kind)]);
  line += shown(change.object);
  if (!change.what.empty()) line.append(" ").append(shown(change.what));
  if (change.kind == Kind::Changed)
    line += concat(" ", shown(change.from), " -> ", shown(change.to));
  else if (const std::string& value = change.kind == Kind::Added ? change.to : change.from;
           !value.empty())
    line.append(" ").append(shown(value));
  const std::string& place = change.kind == Kind::Removed ? change.from_place : change.to_place;
  line += concat("  (", place.empty() ? "default" : place, ")");
  if (change.needs_upgrade) line += " needs upgrade";
  return line;
}

}  // namespace weir::config
