// SPDX-License-Identifier: Apache-2.0
#include "event/dns.h"

#include "base/assert.h"

#include <event2/dns.h>
#include <event2/event.h>

#include <arpa/inet.h>

#include <fstream>
#include <sstream>

namespace weir::event {

namespace {

constexpr std::uint32_t hosts_ttl = 3600;

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
    while (words >> name) {
      // IPv4 first, as in the look-ups over the network.
      auto& list = hosts[name];
      list.insert(size == 4 ? list.begin() : list.end(), std::string(bytes, size));
    }
  }
  return hosts;
}

}  // namespace

struct Dns::Query {
  evdns_base* base;
  std::string name;
  std::uint32_t token;
  DnsEvents& events;
  bool asked_v6 = false;
};

Dns::Dns(Loop& loop, const std::vector<std::string>& nameservers)
    : base_(
          evdns_base_new(loop.base(), nameservers.empty() ? EVDNS_BASE_INITIALIZE_NAMESERVERS : 0)),
      hosts_(read_hosts()) {
  if (!base_) base_ = evdns_base_new(loop.base(), 0);  // no resolv.conf: every look-up will say so
  WEIR_ASSERT(base_);
  for (const std::string& server : nameservers) evdns_base_nameserver_ip_add(base_, server.c_str());
  evdns_base_set_option(base_, "timeout:", "2");
  evdns_base_set_option(base_, "attempts:", "2");
}

void Dns::use(const std::vector<std::string>& nameservers) {
  (void)evdns_base_clear_nameservers_and_suspend(base_);
  for (const std::string& server : nameservers) evdns_base_nameserver_ip_add(base_, server.c_str());
  (void)evdns_base_resume(base_);
}

Dns::~Dns() { evdns_base_free(base_, 0); }

void Dns::resolve(const std::string& name, std::uint32_t token, DnsEvents& events) {
  if (auto known = hosts_.find(name); known != hosts_.end())
    return events.on_resolved(token, {known->second, hosts_ttl, {}});
  auto* query = new Query{base_, name, token, events};
  if (evdns_base_resolve_ipv4(base_, name.c_str(), DNS_QUERY_NO_SEARCH, &Dns::answered, query))
    return;
  delete query;
  events.on_resolved(token, {{}, 0, "no name server"});
}

void Dns::answered(int result, char type, int count, int ttl, void* addresses,
                   void* argument) noexcept {
  std::unique_ptr<Query> query(static_cast<Query*>(argument));
  if (result == DNS_ERR_SHUTDOWN) return;
  bool none = result != DNS_ERR_NONE || count == 0;
  if (none && !query->asked_v6 && result != DNS_ERR_TIMEOUT) {
    Query* again = query.release();
    again->asked_v6 = true;
    if (evdns_base_resolve_ipv6(again->base, again->name.c_str(), DNS_QUERY_NO_SEARCH,
                                &Dns::answered, again))
      return;
    query.reset(again);
  }
  DnsAnswer answer;
  if (none) {
    answer.error = result == DNS_ERR_NONE ? "no address" : evdns_err_to_string(result);
  } else {
    std::size_t size = type == DNS_IPv6_AAAA ? 16 : 4;
    const char* bytes = static_cast<const char*>(addresses);
    for (int i = 0; i < count; ++i)
      answer.addresses.emplace_back(bytes + static_cast<std::size_t>(i) * size, size);
    answer.ttl_seconds = static_cast<std::uint32_t>(ttl);
  }
  query->events.on_resolved(query->token, answer);
}

}  // namespace weir::event
