// SPDX-License-Identifier: Apache-2.0
#include "event/dns.h"

#include "base/text.h"

// Debian 12 has none of what later versions of c-ares have instead.
#define CARES_NO_DEPRECATED
#include <ares.h>
#include <arpa/inet.h>
#include <sys/random.h>

#include <algorithm>
#include <fstream>
#include <span>
#include <sstream>
#include <utility>

namespace weir::event {

namespace {

constexpr std::uint32_t hosts_ttl = 3600;

// Thousands of names at a time would only make a name server drop queries.
constexpr std::size_t most_running = 64;

std::map<std::string, std::vector<std::string>> read_hosts() {
  std::map<std::string, std::vector<std::string>> hosts;
  std::ifstream file("/etc/hosts");
  for (std::string line; std::getline(file, line);) {
    std::istringstream words(line.substr(0, line.find('#')));
    std::string address, name;
    words >> address;
    char bytes[16];
    std::size_t size = inet_pton(AF_INET, address.c_str(), bytes) == 1    ? 4
                       : inet_pton(AF_INET6, address.c_str(), bytes) == 1 ? 16
                                                                          : 0;
    if (size == 0) continue;
    while (words >> name) hosts[to_lower(name)].emplace_back(bytes, size);
  }
  // IPv6 only where there is no IPv4, as in the look-ups over the network.
  for (auto& [name, addresses] : hosts)
    if (std::any_of(addresses.begin(), addresses.end(), [](auto& one) { return one.size() == 4; }))
      std::erase_if(addresses, [](auto& one) { return one.size() != 4; });
  return hosts;
}

// Each letter in upper or lower case by chance: what a forger would have to guess besides id and port.
std::string mix_case(std::string name) {
  std::string bits(name.size(), '\0');
  if (::getrandom(bits.data(), bits.size(), 0) != static_cast<ssize_t>(bits.size())) return name;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (is_alpha(name[i]) && (bits[i] & 1) != 0) name[i] = static_cast<char>(name[i] ^ 0x20);
  }
  return name;
}

}  // namespace

struct Dns::Query {
  Dns& dns;
  std::string name;
  std::uint64_t token;
  DnsEvents& events;
  int type = type_a;
  bool is_about_reason = false;  ///< all name servers have failed; this asks why
  std::string asked = {};        ///< the name in the case it was asked in
};

Dns::Dns(Loop& loop, const std::vector<std::string>& nameservers)
    : hosts_(read_hosts()), channel_(loop, false), reasons_(loop, true) {
  use(nameservers);
}

Dns::~Dns() = default;

void Dns::use(const std::vector<std::string>& nameservers) {
  waiting_.clear();
  channel_.use(nameservers);
  reasons_.use(nameservers);
  servers_.clear();
  for (const std::string& server : nameservers) servers_ += (servers_.empty() ? "" : ", ") + server;
}

void Dns::resolve(const std::string& name, std::uint64_t token, DnsEvents& events) {
  if (auto known = hosts_.find(to_lower(name)); known != hosts_.end())
    return events.on_resolved(token, {known->second, hosts_ttl, {}});
  waiting_.push_back(std::make_unique<Query>(Query{*this, name, token, events}));
  begin_some();
}

// A query may end inside the call that begins it; the one after it is begun by the same loop, not from in there.
void Dns::begin_some() {
  if (std::exchange(is_beginning_, true)) return;
  while (running_ < most_running && !waiting_.empty()) {
    std::unique_ptr<Query> next = std::move(waiting_.front());
    waiting_.pop_front();
    ++running_;
    ask(std::move(next));
  }
  is_beginning_ = false;
}

void Dns::ask(std::unique_ptr<Query> query) {
  // c-ares 1.18 leaks a query that it has nobody to send to.
  if (!channel_.has_servers()) return finish(std::move(query), {{}, 0, "no name server is known"});
  query->asked = mix_case(query->name);
  DnsChannel& channel = query->is_about_reason ? reasons_ : channel_;
  const char* name = query->asked.c_str();
  const int type = query->type;
  channel.query(name, type, &Dns::answered, query.release());
}

void Dns::answered(void* argument, int status, int, unsigned char* answer, int size) noexcept {
  std::unique_ptr<Query> query(static_cast<Query*>(argument));
  Dns& dns = query->dns;
  // Dropped by `use` or at the end.
  if (status == ARES_ECANCELLED || status == ARES_EDESTRUCTION) {
    --dns.running_;
    return;
  }
  dns.take(std::move(query), status, answer, size);
}

void Dns::take(std::unique_ptr<Query> query, int status, const unsigned char* answer, int size) {
  DnsAnswer found;
  const std::span<const unsigned char> bytes(answer, static_cast<std::size_t>(std::max(size, 0)));
  if (status == ARES_SUCCESS && !repeats_question(query->asked, bytes)) {
    found.error = concat(
        "the answer spells the name differently from the question: forged, or by a "
        "name server that changes its case (",
        servers_, ")");
    return finish(std::move(query), found);
  }
  if (status == ARES_SUCCESS) status = read_addresses(query->type, bytes, found);
  if (status == ARES_ENODATA && query->type == type_a) {
    query->type = type_aaaa;
    return ask(std::move(query));
  }
  if (status == ARES_ECONNREFUSED && !std::exchange(query->is_about_reason, true))
    return ask(std::move(query));
  if (status != ARES_SUCCESS) found.error = words(status);
  finish(std::move(query), found);
}

void Dns::finish(std::unique_ptr<Query> query, const DnsAnswer& answer) {
  --running_;
  query->events.on_resolved(query->token, answer);
  begin_some();
}

std::string Dns::words(int status) const {
  const auto said = [this](const char* what) { return concat(what, " (", servers_, ")"); };
  switch (status) {
    case ARES_ENOTFOUND: return "the name does not exist (NXDOMAIN)";
    case ARES_ENODATA: return "the name has no address";
    case ARES_ESERVFAIL: return said("the name servers failed (SERVFAIL)");
    case ARES_EREFUSED: return said("the name servers refuse to answer (REFUSED)");
    case ARES_ETIMEOUT: return said("no answer from the name servers in time");
    case ARES_ECONNREFUSED: return said("the name servers cannot be reached");
    case ARES_EBADRESP:
    case ARES_EFORMERR: return said("malformed answer from a name server");
    default: return concat(ares_strerror(status), " (", servers_, ")");
  }
}

}  // namespace weir::event
