// SPDX-License-Identifier: Apache-2.0
#include "upstream/numbering.h"

#include "base/hash.h"
#include "config/identity.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace weir::upstream {

namespace {

using shm::Of;

constexpr Of kinds[] = {Of::Listener, Of::Route, Of::Backend};
constexpr std::string_view words[] = {"listeners", "routes", "backends"};

/// Something that has a number.
struct Numbered {
  std::string name;
  std::uint32_t* number;
  std::uint64_t hash() const {
    const std::uint64_t made = fast_hash(name);
    return made ? made : 1;  // 0 is nobody
  }
};

std::vector<Numbered> all_of(Of kind, config::Config& config) {
  std::vector<Numbered> all;
  if (kind == Of::Backend)
    for (config::Backend& backend : config.backends) all.push_back({backend.name, &backend.number});
  if (kind == Of::Listener)
    for (config::Listener& listener : config.listeners)
      all.push_back({listener.name, &listener.number});
  if (kind != Of::Route) return all;
  for (config::Listener& listener : config.listeners) {
    std::vector<std::string> identities = config::route_identities(listener);
    for (std::size_t i = 0; i < identities.size(); ++i)
      all.push_back({listener.name + "/" + identities[i], &listener.routes[i].number});
  }
  return all;
}

template <typename Take>
void for_each_number(Of kind, const config::Config& config, Take take) {
  if (kind == Of::Backend)
    for (const config::Backend& backend : config.backends) take(backend.number);
  if (kind == Of::Listener)
    for (const config::Listener& listener : config.listeners) take(listener.number);
  if (kind == Of::Route)
    for (const config::Listener& listener : config.listeners)
      for (const config::Route& route : listener.routes) take(route.number);
}

using Known = std::unordered_map<std::uint64_t, std::uint32_t>;

Known known_numbers(Of kind, const shm::Identities& identities) {
  Known known;
  for (std::uint32_t number = 0; number < identities.size(kind); ++number)
    known.emplace(identities.hash(kind, number), number);
  return known;
}

/// The numbers that may be given, in the order in which they are.
class Supply {
 public:
  Supply(Of kind, const shm::Identities& identities, const std::vector<bool>& in_use) {
    const std::uint32_t size = identities.size(kind);
    for (std::uint32_t number = size; number < identities.capacity(kind); ++number)
      numbers_.push_back(number);
    const auto fresh = static_cast<std::ptrdiff_t>(numbers_.size());
    for (std::uint32_t number = 0; number < size; ++number)
      if (!in_use[number]) numbers_.push_back(number);
    std::stable_sort(numbers_.begin() + fresh, numbers_.end(),
                     [&](std::uint32_t one, std::uint32_t other) {
                       return identities.used_at(kind, one) < identities.used_at(kind, other);
                     });
  }
  bool is_empty() const { return next_ == numbers_.size(); }
  std::uint32_t take() { return numbers_[next_++]; }

 private:
  std::vector<std::uint32_t> numbers_;
  std::size_t next_ = 0;
};

// Those that are called as before; what is left needs a number.
std::vector<Numbered> keep_known(Of kind, config::Config& config, const shm::Identities& identities,
                                 std::vector<bool>& in_use) {
  const Known known = known_numbers(kind, identities);
  std::vector<Numbered> fresh;
  for (Numbered& each : all_of(kind, config)) {
    const auto found = known.find(each.hash());
    if (found == known.end()) {
      fresh.push_back(std::move(each));
      continue;
    }
    *each.number = found->second;
    in_use[found->second] = true;
  }
  return fresh;
}

Result<void> assign(Of kind, config::Config& config, shm::Identities& identities,
                    shm::Counters& counters, std::span<const config::Config* const> in_use) {
  std::vector<bool> taken(identities.capacity(kind));
  for (const config::Config* other : in_use)
    for_each_number(kind, *other, [&taken](std::uint32_t number) { taken[number] = true; });
  const std::vector<Numbered> fresh = keep_known(kind, config, identities, taken);
  Supply supply(kind, identities, taken);
  for (const Numbered& each : fresh) {
    if (supply.is_empty())
      return Error(Errc::Limit, "there is no room for more " +
                                    std::string(words[static_cast<std::size_t>(kind)]) + " than " +
                                    std::to_string(identities.capacity(kind)) +
                                    ": this needs upgrade");
    *each.number = supply.take();
    if (*each.number < identities.size(kind)) counters.forget(kind, *each.number);
    identities.set(kind, *each.number, each.hash());
  }
  const std::uint64_t tick = identities.tick();
  auto note = [&](std::uint32_t number) { identities.note_used(kind, number, tick); };
  for (const config::Config* other : in_use) for_each_number(kind, *other, note);
  for_each_number(kind, config, note);
  return {};
}

}  // namespace

Result<void> assign_numbers(config::Config& config, shm::Identities& identities,
                            shm::Counters& counters,
                            std::span<const config::Config* const> in_use) {
  for (Of kind : kinds)
    if (auto done = assign(kind, config, identities, counters, in_use); !done) return done;
  return {};
}

Result<void> take_numbers(config::Config& config, const shm::Identities& identities) {
  for (Of kind : kinds) {
    const Known known = known_numbers(kind, identities);
    for (const Numbered& each : all_of(kind, config)) {
      const auto found = known.find(each.hash());
      if (found == known.end())
        return Error(Errc::NotFound, "control has given no number to " + each.name);
      *each.number = found->second;
    }
  }
  return {};
}

}  // namespace weir::upstream
