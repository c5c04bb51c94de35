// SPDX-License-Identifier: Apache-2.0
#include "upstream/registry.h"

#include "base/text.h"
#include "base/wall_time.h"
#include "upstream/address_set.h"

#include <algorithm>
#include <cstring>

namespace weir::upstream {

using shm::Ejection;
using shm::Health;
using shm::Override;
using shm::Use;

namespace {

std::string told(const shm::AddressSet& addresses) {
  return addresses.count == 0 ? "none" : text_of(addresses);
}

}  // namespace

void Registry::set_mark(shm::Mark& mark, const Cause& cause) {
  mark.since_us = cause.since_us ? cause.since_us : wall_clock_us();
  shm::set_text(mark.by, cause.by);
  shm::set_text(mark.why, cause.why);
}

// Of an override that is taken back nothing is left.
shm::Mark Registry::mark_of(bool is_set, const Cause& cause) {
  shm::Mark mark;
  if (is_set) set_mark(mark, cause);
  return mark;
}

Registry::Registry(const shm::Segment& segment, const config::Config& config,
                   RegistryEvents& events)
    : table_(segment),
      in_flight_(segment, 0),
      counters_(segment, 0),
      shared_connections_(segment, 0),
      counts_(segment),
      balancing_(segment),
      events_(events) {
  know_config(config);
}

Registry::OfBackend& Registry::of_backend(std::uint32_t number) {
  if (number >= backends_.size()) backends_.resize(number + 1);
  return backends_[number];
}

void Registry::place(std::uint32_t slot, const Entry& entry) {
  if (slot >= entries_.size()) entries_.resize(slot + 1);
  entries_[slot] = entry;
  of_backend(entry.row.backend).slots.push_back(slot);
  names_[name(slot)] = slot;
  if (!entry.columns.leaving) index_address(slot);
  count(entry, +1);
}

void Registry::index_address(std::uint32_t slot) {
  addresses_.try_emplace(key(entries_[slot].row.backend, entries_[slot].columns.at), slot);
}

void Registry::drop_address(std::uint32_t slot) {
  auto found = addresses_.find(key(entries_[slot].row.backend, entries_[slot].columns.at));
  if (found != addresses_.end() && found->second == slot) addresses_.erase(found);
}

// What is unique within a backend, unique over all.
std::string Registry::key(std::uint32_t backend, std::string_view of) const {
  return concat(backends_[backend].name, "/", of);
}

std::string Registry::name(std::uint32_t slot) const {
  const shm::ServerRow& row = entries_[slot].row;
  return key(row.backend, row.name);
}

const config::Server* Registry::in_file(std::uint32_t slot) const {
  auto found = entries_[slot].columns.runtime ? files_.end() : files_.find(name(slot));
  return found == files_.end() ? nullptr : found->second;
}

std::optional<std::uint32_t> Registry::find_backend(std::string_view name) const {
  auto found = numbers_.find(std::string(name));
  if (found == numbers_.end()) return std::nullopt;
  return found->second;
}

std::optional<std::uint32_t> Registry::find(std::uint32_t backend, std::string_view server) const {
  auto found = names_.find(key(backend, server));
  if (found == names_.end()) return std::nullopt;
  return found->second;
}

void Registry::count(const Entry& entry, int sign) {
  bool takes = entry.row.use == Use::Up || entry.row.use == Use::HalfOpen;
  if (!takes || entry.row.weight == 0) return;
  Routable& routable = backends_[entry.row.backend].routable;
  sign > 0 ? ++routable.servers : --routable.servers;
  sign > 0 ? routable.weight += entry.row.weight : routable.weight -= entry.row.weight;
}

Registry::Entry& Registry::open(std::uint32_t slot) {
  Entry& entry = entries_[slot];
  if (deferred_) saved_.try_emplace(slot, entry);
  count(entry, -1);
  return entry;
}

void Registry::close(std::uint32_t slot, const Cause& cause) {
  Entry& entry = entries_[slot];
  Use before = entry.row.use;
  work_out(entry.row, entry.columns);
  count(entry, +1);
  show(slot);
  if (entry.row.use != before)
    tell("server.use", slot, std::string(word(before)), std::string(word(entry.row.use)), cause);
}

void Registry::show(std::uint32_t slot) {
  const Entry& entry = entries_[slot];
  if (deferred_) return;
  table_.publish(slot, entry.row, entry.columns);
  if (quiet_) return;
  table_.count_revision(entry.row.backend);
  events_.on_published();
}

void Registry::tell(std::string_view type, std::uint32_t slot, std::string from, std::string to,
                    const Cause& cause) {
  if (quiet_) return;
  if (deferred_)
    told_.push_back({type, slot, std::move(from), std::move(to), std::string(cause.why),
                     std::string(cause.by)});
  else
    say({type, slot, std::move(from), std::move(to), cause.why, cause.by});
}

void Registry::say(const ServerEvent& event) {
  if (event.type == "server.use" && event.to == word(Use::Drain))
    draining_.push_back({event.slot, table_.changes()});
  events_.on_server_event(event);
}

// Drained is who takes nothing more, as all have seen, and has nothing any more.
void Registry::look_at_draining(std::uint64_t seen_by_all) {
  std::erase_if(draining_, [&](const Waiting& draining) {
    if (row(draining.slot).use != Use::Drain) return true;
    if (seen_by_all < draining.since || in_flight_.load(draining.slot) > 0) return false;
    const shm::ServerColumns& drained = columns(draining.slot);
    const std::string by = drained.leaving ? drained.removed.by : drained.overridden_state.by;
    tell("server.drained", draining.slot, "", "", {by, "nothing is in flight there"});
    return true;
  });
}

void Registry::keep(std::uint32_t slot) {
  if (quiet_) return;
  deferred_ ? kept_.push_back(slot) : events_.on_override(slot);
}

void Registry::begin() {
  deferred_ = true;
  saved_.clear();
  added_.clear();
  departed_.clear();
  kept_.clear();
  told_.clear();
}

void Registry::commit() {
  deferred_ = false;
  for (std::uint32_t slot : added_) show(slot);
  for (const auto& [slot, entry] : saved_) show(slot);
  for (std::uint32_t slot : departed_) leaving_.push_back({slot, table_.changes()});
  for (const Told& told : told_) say({told.type, told.slot, told.from, told.to, told.why, told.by});
  for (std::uint32_t slot : kept_) events_.on_override(slot);
}

void Registry::abort() {
  for (std::uint32_t slot : added_) drop_address(slot);
  for (const auto& [slot, entry] : saved_) {
    count(entries_[slot], -1);
    entries_[slot] = entry;
    count(entry, +1);
    if (!entry.columns.leaving) index_address(slot);
  }
  for (std::uint32_t slot : added_) {
    count(entries_[slot], -1);
    vacate(slot, 0);  // nobody has ever seen it
  }
  deferred_ = false;
}

bool Registry::may_reuse(const Waiting& free) const {
  return free.since <= seen_by_all_ && in_flight_.load(free.slot) == 0;
}

std::optional<std::uint32_t> Registry::free_slot() {
  for (Waiting& free : free_) {
    if (!may_reuse(free)) continue;
    std::uint32_t slot = free.slot;
    free = free_.back();
    free_.pop_back();
    return slot;
  }
  auto next = static_cast<std::uint32_t>(entries_.size());
  if (next >= table_.capacity()) return std::nullopt;
  return next;
}

Result<std::uint32_t> Registry::add(std::uint32_t backend, const config::Server& server,
                                    const Cause& cause) {
  if (auto other = find(backend, server.name))
    return Error(Errc::Exists, "server " + name(*other) + " exists");
  auto same = addresses_.find(key(backend, server.at.text));
  if (same != addresses_.end())
    return Error(Errc::Exists, "server " + name(same->second) + " has this address");
  auto slot = free_slot();
  if (!slot) return Error(Errc::Limit, "all slots for servers are taken");
  insert(*slot, *backends_[backend].config, server, true, cause);
  keep(*slot);
  return *slot;
}

void Registry::insert(std::uint32_t slot, const config::Backend& backend,
                      const config::Server& server, bool runtime, const Cause& cause) {
  Entry entry;
  configure(backend, server, entry.row, entry.columns);
  entry.columns.runtime = runtime;
  bool is_used_again = slot < entries_.size();
  entry.row.incarnation = is_used_again ? entries_[slot].row.incarnation + 1 : 1;
  if (is_used_again) {
    counters_.forget(shm::Of::Server, slot);
    shared_connections_.forget(slot);
    counts_.forget(slot);
    balancing_.forget_server(slot);
  }
  set_mark(entry.columns.configured, cause);
  place(slot, entry);
  if (deferred_) added_.push_back(slot);
  show(slot);
  tell("server.added", slot, "", server.at.text, cause);
}

void Registry::remove(std::uint32_t slot, std::int64_t by_us, const Cause& cause) {
  Entry& entry = open(slot);
  bool first = !std::exchange(entry.columns.leaving, true);
  if (first) drop_address(slot);
  entry.columns.leave_by_us = by_us;
  set_mark(entry.columns.removed, cause);
  close(slot, cause);
  if (!first) return;
  if (deferred_)
    departed_.push_back(slot);
  else
    leaving_.push_back({slot, table_.changes()});
  tell("server.leaving", slot, "", "", cause);
  keep(slot);
}

void Registry::set_state(std::uint32_t slot, Override state, const Cause& cause) {
  Override before = columns(slot).override_state;
  if (before == state) return;
  Entry& entry = open(slot);
  entry.columns.override_state = state;
  entry.columns.overridden_state = mark_of(state != Override::None, cause);
  close(slot, cause);
  tell("server.state", slot, std::string(word(before)), std::string(word(state)), cause);
  keep(slot);
}

void Registry::set_weight(std::uint32_t slot, std::optional<std::uint32_t> weight,
                          const Cause& cause) {
  std::int32_t wanted = weight ? static_cast<std::int32_t>(*weight) : -1;
  if (columns(slot).override_weight == wanted) return;
  std::uint32_t before = row(slot).weight;
  Entry& entry = open(slot);
  entry.columns.override_weight = wanted;
  entry.columns.overridden_weight = mark_of(wanted >= 0, cause);
  close(slot, cause);
  tell("server.weight", slot, std::to_string(before), std::to_string(row(slot).weight), cause);
  keep(slot);
}

void Registry::set_address(std::uint32_t slot, const net::Address& address, const Cause& cause) {
  const std::string before = told(row(slot).addresses);
  shm::SocketAddress wanted = to_shared(address);
  if (std::memcmp(&wanted, &columns(slot).override_address, sizeof(wanted)) == 0) return;
  Entry& entry = open(slot);
  entry.columns.override_address = wanted;
  entry.columns.overridden_address = mark_of(wanted.size > 0, cause);
  close(slot, cause);
  tell("server.address", slot, before, told(row(slot).addresses), cause);
  keep(slot);
}

void Registry::set_health(std::uint32_t slot, Health health, const Cause& cause) {
  Entry& entry = open(slot);
  entry.columns.health = health;
  set_mark(entry.columns.operational, cause);
  close(slot, cause);
}

void Registry::set_ejection(std::uint32_t slot, Ejection ejection, std::int64_t until_us,
                            const Cause& cause) {
  shm::ServerColumns& columns = open(slot).columns;
  if (ejection == Ejection::Ejected) ++columns.ejections;
  if (ejection == Ejection::None) columns.ejections = 0;
  columns.ejection = ejection;
  columns.ejected_until_us = until_us;
  set_mark(columns.operational, cause);
  close(slot, cause);
}

void Registry::set_resolved(std::uint32_t slot, const shm::AddressSet& addresses) {
  const shm::AddressSet before = row(slot).addresses;
  const bool is_same = addresses == columns(slot).resolved;
  if (is_same && columns(slot).resolve_error[0] == '\0') return;
  const std::string at = columns(slot).at;
  Entry& entry = open(slot);
  entry.columns.resolved = addresses;
  entry.columns.unresolved = false;
  shm::set_text(entry.columns.resolve_error, "");
  const bool is_overridden = entry.columns.override_address.size > 0;
  if (!is_overridden && before.count > 0 && !have_common(before, addresses))
    start_anew(entry.columns, {"dns", "at other addresses now, not checked there yet"});
  close(slot, {"dns", at});
  if (!is_same && !is_overridden)
    tell("server.address", slot, told(before), told(row(slot).addresses), {"dns", at});
}

void Registry::note_unresolved(std::uint32_t slot, std::string_view why) {
  const bool is_known = columns(slot).resolved.count > 0;
  why = why.substr(0, sizeof(shm::ServerColumns::resolve_error) - 1);
  if ((is_known || columns(slot).unresolved) && columns(slot).resolve_error == why) return;
  Entry& entry = open(slot);
  entry.columns.unresolved = !is_known;
  shm::set_text(entry.columns.resolve_error, why);
  close(slot, {"dns", why});
}

// At addresses of which nothing is known nothing holds that was known of the former ones.
void Registry::start_anew(shm::ServerColumns& columns, const Cause& cause) {
  columns.ejection = Ejection::None;
  columns.ejections = 0;
  columns.ejected_until_us = 0;
  if (columns.health != Health::Unchecked) columns.health = Health::Starting;
  set_mark(columns.operational, cause);
}

void Registry::vacate(std::uint32_t slot, std::uint64_t since) {
  Entry& entry = entries_[slot];
  std::erase(backends_[entry.row.backend].slots, slot);
  names_.erase(name(slot));
  drop_address(slot);
  Entry empty;
  empty.row.incarnation = entry.row.incarnation;
  empty.row.backend = entry.row.backend;
  entry = empty;
  free_.push_back({slot, since});
}

void Registry::release(std::uint32_t slot) {
  const std::string by = columns(slot).removed.by;
  std::uint32_t left = in_flight_.load(slot);
  const std::string why = left == 0 ? "nothing is in flight there"
                                    : "its time is up, " + std::to_string(left) + " in flight";
  tell("server.removed", slot, "", "", {by, why});
  events_.on_removed(slot);
  vacate(slot, table_.changes() + 1);
  show(slot);
}

// Who waited for a backend that is gone waits for what it still has; of others there are more servers.
bool Registry::is_awaited(std::uint32_t slot) const {
  return !backend(row(slot).backend) && in_flight_.is_wanted(slot);
}

bool Registry::reap_leaving(std::uint64_t seen_by_all, std::int64_t now_us) {
  seen_by_all_ = seen_by_all;
  look_at_draining(seen_by_all);
  // Only when all have seen that it takes nothing more does an empty column mean that nothing comes.
  std::erase_if(leaving_, [&](const Waiting& leaving) {
    std::int64_t by = entries_[leaving.slot].columns.leave_by_us;
    bool settled = seen_by_all >= leaving.since && in_flight_.load(leaving.slot) == 0 &&
                   !is_awaited(leaving.slot);
    if (!settled && (by == 0 || now_us < by)) return false;
    release(leaving.slot);
    return true;
  });
  return !leaving_.empty() || !draining_.empty();
}

}  // namespace weir::upstream
