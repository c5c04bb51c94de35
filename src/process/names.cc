// SPDX-License-Identifier: Apache-2.0
#include "process/names.h"

#include <weir/log.h>

#include "config/units.h"
#include "upstream/address_set.h"

#include <algorithm>

namespace weir::process {

namespace {
constexpr std::uint64_t second_us = 1'000'000;
constexpr std::uint64_t least_ttl = 1, most_ttl = 3600, retry_seconds = 2;
}  // namespace

/// One server that is given by name.
struct Names::Entry final : event::DeadlineEvents {
  Entry(Names& owner, std::uint32_t slot, std::uint32_t serial, const config::Endpoint& endpoint)
      : names(owner), token(std::uint64_t{serial} << 32 | slot), at(endpoint), due(*this) {}
  void on_deadline() noexcept override { names.look_up(*this); }
  std::uint32_t slot() const { return static_cast<std::uint32_t>(token); }

  Names& names;
  std::uint64_t token;  ///< tells its answers from those for a former server of the slot
  config::Endpoint at;
  std::string error;  ///< of the last look-up; told once
  event::Deadline due;
};

Names::Names(event::Loop& loop, const std::vector<std::string>& nameservers,
             upstream::Registry& registry)
    : loop_(loop), registry_(registry), dns_(loop, nameservers) {}

Names::~Names() = default;

void Names::use(const std::vector<std::string>& nameservers) {
  dns_.use(nameservers);
  for (const auto& [slot, entry] : entries_) look_up(*entry);
}

void Names::follow(std::uint32_t slot) {
  auto at = config::parse_endpoint(registry_.columns(slot).at);
  if (!at || at->kind != config::Endpoint::Kind::Name) return remove(slot);
  auto& entry = entries_[slot];
  if (entry && entry->at.text == at->text) return;
  entry = std::make_unique<Entry>(*this, slot, ++followed_, *at);
  look_up(*entry);
}

void Names::remove(std::uint32_t slot) { entries_.erase(slot); }

void Names::look_up(Entry& entry) {
  entry.due.clear();
  dns_.resolve(entry.at.host, entry.token, *this);
}

void Names::on_resolved(std::uint64_t token, const event::DnsAnswer& answer) noexcept {
  auto found = entries_.find(static_cast<std::uint32_t>(token));
  if (found == entries_.end() || found->second->token != token) return;  // removed meanwhile
  Entry& entry = *found->second;
  std::uint64_t seconds = retry_seconds;
  if (answer.addresses.empty()) {
    note_failure(entry, answer.error);
  } else {
    seconds = std::clamp<std::uint64_t>(answer.ttl_seconds, least_ttl, most_ttl);
    take(entry, answer);
  }
  entry.due.set(loop_, loop_.now() + seconds * second_us);
}

void Names::note_failure(Entry& entry, const std::string& error) {
  registry_.note_unresolved(entry.slot(), error);
  if (entry.error == error) return;
  entry.error = error;
  const bool is_known = registry_.columns(entry.slot()).resolved.count > 0;
  log(Level::Warn, "server ", registry_.name(entry.slot()), ": ", entry.at.host,
      " does not resolve: ", error,
      is_known ? "; its last addresses stay in use" : "; it has no address yet",
      ", asking again every ", std::to_string(retry_seconds), "s");
}

void Names::take(Entry& entry, const event::DnsAnswer& answer) {
  const shm::AddressSet& known = registry_.columns(entry.slot()).resolved;
  const shm::AddressSet addresses = upstream::to_set(answer.addresses, entry.at.port, known);
  const bool is_news = addresses != known || !entry.error.empty();
  entry.error.clear();
  registry_.set_resolved(entry.slot(), addresses);
  if (is_news)
    log(Level::Info, "server ", registry_.name(entry.slot()), ": ", entry.at.host, " resolves to ",
        upstream::text_of(addresses));
}

}  // namespace weir::process
