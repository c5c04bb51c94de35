// SPDX-License-Identifier: Apache-2.0
#include "process/names.h"

#include <weir/log.h>

#include "net/address.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace weir::process {

namespace {
constexpr std::uint64_t second_us = 1'000'000;
constexpr std::uint64_t least_ttl = 1, most_ttl = 3600, retry_seconds = 2;
}  // namespace

/// One server that is given by name.
struct Names::Entry final : event::DeadlineEvents {
  Entry(Names& owner, std::uint32_t at_slot, const config::Endpoint& endpoint)
      : names(owner), slot(at_slot), at(endpoint), due(*this) {}
  void on_deadline() noexcept override { names.look_up(*this); }

  Names& names;
  std::uint32_t slot;
  config::Endpoint at;
  std::string address;  ///< last good one
  event::Deadline due;
};

Names::Names(event::Loop& loop, const config::Config& config, upstream::Registry& registry)
    : loop_(loop), registry_(registry) {
  // Made at once, since it reads files that are out of reach after the lockdown.
  std::vector<std::string> nameservers;
  for (const config::Endpoint& server : config.nameservers)
    if (auto address = net::Address::from(server)) nameservers.push_back(address->text());
  dns_ = std::make_unique<event::Dns>(loop, nameservers);
}

Names::~Names() = default;

void Names::use(const std::vector<std::string>& nameservers) {
  dns_->use(nameservers);
  for (const auto& [slot, entry] : entries_) look_up(*entry);
}

void Names::add(std::uint32_t slot, const config::Endpoint& at) {
  auto& entry = entries_[slot];
  entry = std::make_unique<Entry>(*this, slot, at);
  look_up(*entry);
}

void Names::remove(std::uint32_t slot) { entries_.erase(slot); }

void Names::look_up(Entry& entry) { dns_->resolve(entry.at.host, entry.slot, *this); }

void Names::on_resolved(std::uint32_t token, const event::DnsAnswer& answer) noexcept {
  auto found = entries_.find(token);
  if (found == entries_.end()) return;  // removed meanwhile
  Entry& entry = *found->second;
  std::uint64_t seconds = retry_seconds;
  if (answer.addresses.empty()) {
    log(Level::Warn, "server ", registry_.name(entry.slot), ": ", entry.at.host, ": ", answer.error,
        entry.address.empty() ? "" : "; the last address is kept");
    registry_.set_resolved(entry.slot, net::Address());
  } else {
    seconds = std::clamp<std::uint64_t>(answer.ttl_seconds, least_ttl, most_ttl);
    // Stay with an address as long as it is among the answers, whatever order they come in.
    bool still = std::find(answer.addresses.begin(), answer.addresses.end(), entry.address) !=
                 answer.addresses.end();
    if (!still) publish(entry, answer.addresses.front());
  }
  entry.due.set(loop_, loop_.now() + seconds * second_us);
}

void Names::publish(Entry& entry, const std::string& address) {
  entry.address = address;
  sockaddr_storage storage{};
  socklen_t size = 0;
  if (address.size() == 4) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(entry.at.port);
    std::memcpy(&v4->sin_addr, address.data(), 4);
    size = sizeof(*v4);
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(entry.at.port);
    std::memcpy(&v6->sin6_addr, address.data(), 16);
    size = sizeof(*v6);
  }
  registry_.set_resolved(entry.slot,
                         net::Address::from(reinterpret_cast<const sockaddr*>(&storage), size));
  log(Level::Info, "server ", registry_.name(entry.slot), ": ", entry.at.host, " is ",
      registry_.row(entry.slot).address.size
          ? upstream::from_shared(registry_.row(entry.slot).address).text()
          : "");
}

}  // namespace weir::process
