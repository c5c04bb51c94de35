// SPDX-License-Identifier: Apache-2.0
//
// The registry and a new configuration: what the servers that stand in it become.  All of it goes by
// comparison with what is there, so that it may be done twice, and so that a successor of a control that
// died at any point of it only has to do it again.
#include <weir/log.h>

#include "base/assert.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "config/print.h"
#include "upstream/address_set.h"
#include "upstream/registry.h"

#include <algorithm>
#include <cstring>
#include <unordered_set>

namespace weir::upstream {

using shm::Ejection;
using shm::Health;
using shm::Use;

namespace {

std::string limits_text(const shm::ServerRow& row) {
  return concat("max_in_flight ", std::to_string(row.max_in_flight), row.backup ? " backup" : "");
}

}  // namespace

void Registry::know_config(const config::Config& config) {
  config_ = &config;
  files_.clear();
  numbers_.clear();
  for (OfBackend& known : backends_) known.config = nullptr;
  for (const config::Backend& backend : config.backends) {
    OfBackend& known = of_backend(backend.number);
    known.config = &backend;
    known.name = backend.name;
    numbers_.emplace(backend.name, backend.number);
    for (const config::Server& server : backend.servers)
      files_.emplace(key(backend.number, server.name), &server);
  }
}

bool Registry::load(std::int64_t leave_by_us) {
  entries_.reserve(config_->server_count);
  for (std::uint32_t slot = 0; slot < table_.used(); ++slot) take_over(slot);
  quiet_ = true;
  adopt(*config_, {"file", ""});
  retire(leave_by_us, {"file", "not in the configuration"});
  quiet_ = false;
  return table_.is_whole();
}

void Registry::take_over(std::uint32_t slot) {
  Entry entry{table_.row(slot), table_.columns(slot)};
  if (entry.row.use == Use::Free) {
    if (slot >= entries_.size()) entries_.resize(slot + 1);
    entries_[slot] = entry;
    free_.push_back({slot, table_.changes()});
    return;
  }
  // Of a backend that is gone only the number is left.
  if (OfBackend& known = of_backend(entry.row.backend); known.name.empty())
    known.name = concat("#", std::to_string(entry.row.backend));
  work_out(entry.row, entry.columns);
  if (entry.columns.leaving) leaving_.push_back({slot, table_.changes()});
  if (entry.row.use == Use::Drain) draining_.push_back({slot, table_.changes()});
  place(slot, entry);
  // A former control may have died between the columns and the row.
  table_.publish(slot, entries_[slot].row, entries_[slot].columns);
}

Result<void> Registry::check_next(const config::Config& next) const {
  std::size_t fresh = 0;
  for (const config::Backend& backend : next.backends) {
    auto number = find_backend(backend.name);
    for (const config::Server& server : backend.servers) {
      auto slot = number ? find(*number, server.name) : std::nullopt;
      fresh += !slot;
      if (!slot || !columns(*slot).runtime || columns(*slot).leaving) continue;
      if (server.at.text == columns(*slot).at) continue;
      return Error(
          Errc::Exists,
          concat(config::place_text(next, server.place), ": server ", name(*slot), " is at ",
                 server.at.text, ", but one of that name was added at run time at ",
                 std::string(columns(*slot).at), " by ", std::string(columns(*slot).configured.by),
                 "; remove it first"));
    }
  }
  auto room = static_cast<std::size_t>(std::count_if(
      free_.begin(), free_.end(), [this](const Waiting& free) { return may_reuse(free); }));
  room += table_.capacity() - entries_.size();
  if (fresh > room)
    return Error(Errc::Limit, concat("there is room for ", std::to_string(room),
                                     " more servers, not for ", std::to_string(fresh)));
  return {};
}

std::vector<std::string> Registry::dropped(const config::Config& next) const {
  std::unordered_set<std::string_view> stay;
  for (const config::Backend& backend : next.backends) stay.insert(backend.name);
  std::vector<std::string> names;
  for (const OfBackend& known : backends_) {
    if (stay.contains(known.name)) continue;
    for (std::uint32_t slot : known.slots)
      if (columns(slot).runtime && !columns(slot).leaving) names.push_back(name(slot));
  }
  return names;
}

// What one policy has counted means nothing to another.
void Registry::forget_other_policies(const config::Config& next) {
  for (const config::Backend& backend : next.backends) {
    const OfBackend& known = of_backend(backend.number);
    const bool is_same =
        known.config && known.name == backend.name && known.config->balance == backend.balance;
    if (is_same) continue;
    balancing_.forget_sets(backend.number);
    for (const std::uint32_t slot : known.slots) balancing_.forget_server(slot);
  }
}

void Registry::adopt(const config::Config& next, const Cause& cause) {
  WEIR_ASSERT(!deferred_);
  forget_other_policies(next);
  know_config(next);
  for (const config::Backend& backend : next.backends) {
    for (std::uint32_t slot : servers(backend.number)) follow_check(slot, backend, cause);
    for (const config::Server& server : backend.servers) {
      if (auto slot = find(backend.number, server.name))
        follow_file(*slot, backend, server, cause);
      else
        add_configured(backend, server, cause);
    }
    order_as_in_file(backend);
  }
}

void Registry::add_configured(const config::Backend& backend, const config::Server& server,
                              const Cause& cause) {
  auto slot = free_slot();
  // Only if many were added at run time since `check_next`; the next reload tries again.
  if (!slot)
    return log(Level::Error, "server ", key(backend.number, server.name),
               ": all slots for servers are taken");
  insert(*slot, backend, server, false, cause);
}

// A new check says nothing yet against servers that have been in use without; without a check there is
// nothing to be said.
void Registry::follow_check(std::uint32_t slot, const config::Backend& backend,
                            const Cause& cause) {
  if (columns(slot).leaving) return;
  if (!backend.outlier && columns(slot).ejection != Ejection::None)
    set_ejection(slot, Ejection::None, 0, {cause.by, "servers are not ejected any more"});
  const bool is_checked = columns(slot).health != Health::Unchecked;
  if (is_checked == backend.check.has_value()) return;
  Cause because = cause;
  because.why = backend.check ? "in use before there was a check" : "there is no check any more";
  set_health(slot, backend.check ? Health::Up : Health::Unchecked, because);
}

void Registry::follow_file(std::uint32_t slot, const config::Backend& backend,
                           const config::Server& server, const Cause& cause) {
  Entry wanted;
  configure(backend, server, wanted.row, wanted.columns);
  const Entry before = entries_[slot];
  const bool moved = std::strcmp(before.columns.at, wanted.columns.at) != 0;
  const bool limited = before.row.max_in_flight != wanted.row.max_in_flight ||
                       before.row.backup != wanted.row.backup;
  if (!moved && !limited && !before.columns.runtime && !before.columns.leaving &&
      before.columns.configured_weight == server.weight)
    return;
  if (moved && !before.columns.leaving) drop_address(slot);
  Entry& entry = open(slot);
  entry.row.max_in_flight = wanted.row.max_in_flight;
  entry.row.backup = wanted.row.backup;
  entry.columns.configured_weight = server.weight;
  entry.columns.runtime = false;
  set_mark(entry.columns.configured, cause);
  if (moved) {
    move_configured(entry.columns, wanted.columns);
    const bool is_overridden = entry.columns.override_address.size > 0;
    if (!is_overridden && !have_common(before.row.addresses, wanted.row.addresses))
      start_anew(entry.columns, {cause.by, "at another address now, not checked there yet"});
  }
  if (before.columns.leaving) stay(slot);
  if (moved || before.columns.leaving) index_address(slot);
  close(slot, cause);
  tell_difference(slot, before.row, before.columns, cause);
}

void Registry::move_configured(shm::ServerColumns& columns, const shm::ServerColumns& wanted) {
  std::memcpy(columns.at, wanted.at, sizeof(columns.at));
  columns.configured_address = wanted.configured_address;
  columns.resolved = {};
  columns.unresolved = false;
  shm::set_text(columns.resolve_error, "");
}

// One that was about to leave is wanted again.
void Registry::stay(std::uint32_t slot) {
  shm::ServerColumns& columns = entries_[slot].columns;
  columns.leaving = false;
  columns.leave_by_us = 0;
  columns.removed = {};
  std::erase_if(leaving_, [slot](const Waiting& waiting) { return waiting.slot == slot; });
}

void Registry::tell_difference(std::uint32_t slot, const shm::ServerRow& row,
                               const shm::ServerColumns& columns, const Cause& cause) {
  const shm::ServerRow& now = this->row(slot);
  const char* at = this->columns(slot).at;
  if (columns.leaving)
    tell("server.added", slot, "", at, cause);
  else if (columns.runtime)
    tell("server.adopted", slot, "", at, cause);
  if (columns.runtime) keep(slot);
  if (std::strcmp(columns.at, at) != 0) tell("server.address", slot, columns.at, at, cause);
  if (row.weight != now.weight)
    tell("server.weight", slot, std::to_string(row.weight), std::to_string(now.weight), cause);
  if (limits_text(row) != limits_text(now))
    tell("server.limits", slot, limits_text(row), limits_text(now), cause);
}

void Registry::order_as_in_file(const config::Backend& backend) {
  std::vector<std::uint32_t>& slots = backends_[backend.number].slots;
  const config::Server* first = backend.servers.data();
  auto place = [&](std::uint32_t slot) {
    const config::Server* server = in_file(slot);
    return server ? server - first : static_cast<std::ptrdiff_t>(backend.servers.size());
  };
  std::vector<std::pair<std::ptrdiff_t, std::uint32_t>> placed;
  for (std::uint32_t slot : slots) placed.emplace_back(place(slot), slot);
  std::stable_sort(placed.begin(), placed.end(),
                   [](const auto& one, const auto& other) { return one.first < other.first; });
  for (std::size_t i = 0; i < slots.size(); ++i) slots[i] = placed[i].second;
}

void Registry::retire(std::int64_t by_us, const Cause& cause) {
  WEIR_ASSERT(!deferred_);
  for (const OfBackend& known : backends_) {
    for (std::uint32_t slot : known.slots) {
      const shm::ServerColumns& columns = entries_[slot].columns;
      const bool stays = known.config && (columns.runtime || in_file(slot));
      if (!stays && !columns.leaving) remove(slot, by_us, cause);
    }
  }
}

}  // namespace weir::upstream
