// SPDX-License-Identifier: Apache-2.0
#include "process/names.h"

#include <weir/log.h>

#include "net/address.h"
#include "process/log_port.h"

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
  Entry(Names& owner, const config::Backend& of, const config::Server& it, std::uint32_t at)
      : names(owner), backend(of), server(it), number(at), due(*this) {}
  void on_deadline() noexcept override { names.look_up(*this); }

  Names& names;
  const config::Backend& backend;
  const config::Server& server;
  std::uint32_t number;
  std::string address;  ///< last good one
  event::Deadline due;
};

Names::Names(event::Loop& loop, const config::Config& config, shm::AddressTable table,
             std::vector<int> worker_wakers)
    : loop_(loop), table_(table), worker_wakers_(std::move(worker_wakers)) {
  for (const config::Backend& backend : config.backends) {
    std::uint32_t number = backend.first_server;
    for (const config::Server& server : backend.servers) {
      if (server.at.kind == config::Endpoint::Kind::Name)
        entries_.push_back(std::make_unique<Entry>(*this, backend, server, number));
      ++number;
    }
  }
  if (entries_.empty()) return;
  std::vector<std::string> nameservers;
  for (const config::Endpoint& at : config.nameservers)
    if (auto address = net::Address::from(at)) nameservers.push_back(address->text());
  dns_ = std::make_unique<event::Dns>(loop, nameservers);
}

Names::~Names() = default;

void Names::start() {
  for (const auto& entry : entries_) look_up(*entry);
}

void Names::look_up(Entry& entry) {
  auto token =
      static_cast<std::uint32_t>(std::find_if(entries_.begin(), entries_.end(),
                                              [&](const auto& e) { return e.get() == &entry; }) -
                                 entries_.begin());
  dns_->resolve(entry.server.at.host, token, *this);
}

void Names::on_resolved(std::uint32_t token, const event::DnsAnswer& answer) noexcept {
  Entry& entry = *entries_[token];
  std::uint64_t seconds = retry_seconds;
  if (answer.addresses.empty()) {
    log(Level::Warn, "server ", entry.backend.name, "/", entry.server.name, ": ",
        entry.server.at.host, ": ", answer.error,
        entry.address.empty() ? "" : "; the last address is kept");
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
  shm::ResolvedAddress row;
  if (address.size() == 4) {
    auto* v4 = reinterpret_cast<sockaddr_in*>(&storage);
    v4->sin_family = AF_INET;
    v4->sin_port = htons(entry.server.at.port);
    std::memcpy(&v4->sin_addr, address.data(), 4);
    row.size = sizeof(*v4);
  } else {
    auto* v6 = reinterpret_cast<sockaddr_in6*>(&storage);
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(entry.server.at.port);
    std::memcpy(&v6->sin6_addr, address.data(), 16);
    row.size = sizeof(*v6);
  }
  std::memcpy(row.bytes, &storage, row.size);
  table_.publish(entry.number, row);
  for (int waker : worker_wakers_) wake(waker);
  log(Level::Info, "server ", entry.backend.name, "/", entry.server.name, ": ",
      entry.server.at.host, " is ",
      net::Address::from(reinterpret_cast<sockaddr*>(&storage), row.size).text());
}

}  // namespace weir::process
