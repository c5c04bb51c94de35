// SPDX-License-Identifier: Apache-2.0
#include "proxy/snapshot.h"

#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace weir::proxy {

namespace {

void add_services(const RoutePolicy& policy, std::unordered_set<const FactoryUse*>& known,
                  std::vector<ServiceEntry>& services) {
  for (const FilterLink& link : policy.filters.links())
    if (link.use && known.insert(link.use.get()).second)
      services.push_back({link.use, link.word, link.place});
}

std::vector<ServiceEntry> services_of(const std::vector<std::shared_ptr<const Rules>>& listeners) {
  std::unordered_set<const FactoryUse*> known;
  std::vector<ServiceEntry> services;
  for (const auto& rules : listeners) {
    for (const auto& policy : rules->policies()) add_services(*policy, known, services);
    if (rules->unrouted()) add_services(*rules->unrouted(), known, services);
  }
  return services;
}

}  // namespace

Result<std::shared_ptr<const Snapshot>> Snapshot::build(const config::Config& config,
                                                        std::uint64_t generation,
                                                        const Snapshot* before,
                                                        const shm::TicketKeys* tickets) {
  auto snapshot = std::make_shared<Snapshot>();
  snapshot->factories = before ? before->factories : std::make_shared<FilterFactories>();
  std::unordered_map<std::uint64_t, std::shared_ptr<const Rules>> known;
  std::unordered_map<std::uint32_t, const Rules*> former;
  if (before)
    for (const auto& rules : before->listeners) {
      known.emplace(rules->key_, rules);
      former.emplace(rules->listener().number, rules.get());
    }
  for (const config::Listener& listener : config.listeners) {
    std::uint64_t key = Rules::key(config, listener);
    auto same = known.find(key);
    if (same != known.end()) {
      snapshot->listeners.push_back(same->second);
      ++snapshot->reused;
      continue;
    }
    auto same_listener = former.find(listener.number);
    auto rules = Rules::build(config, listener, key, *snapshot->factories, tickets,
                              same_listener == former.end() ? nullptr : same_listener->second);
    if (!rules) return rules.error().within("listener " + listener.name);
    snapshot->listeners.push_back(std::move(*rules));
  }
  std::unordered_map<std::string, std::shared_ptr<const tls::ClientContext>> contexts;
  if (before)
    for (const upstream::BackendPolicy& policy : before->backends)
      if (policy.tls) contexts.emplace(upstream::terms_of(policy.config), policy.tls);
  for (const config::Backend& backend : config.backends) {
    upstream::BackendPolicy policy = upstream::policy_of(config, backend);
    auto balancers = upstream::make_balancers(config, backend);
    if (!balancers) return balancers.error();
    policy.balancers = std::move(*balancers);
    if (backend.tls) {
      auto& context = contexts[upstream::terms_of(backend)];
      if (!context) {
        auto made = upstream::make_tls(backend);
        if (!made) return made.error().within("backend " + backend.name);
        context = std::move(*made);
      }
      policy.tls = context;
    }
    snapshot->backends.push_back(std::move(policy));
  }
  snapshot->services = services_of(snapshot->listeners);
  snapshot->factories->sweep();
  snapshot->generation = generation;
  snapshot->access_log = config.access_log;
  snapshot->error_level = config.error_log.level;
  snapshot->body_memory = config.capacity.body_memory;
  snapshot->trusted_proxies = TrustedProxies(config.trusted_proxies);
  snapshot->certificates = tls::certificate_ends(config);
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

}  // namespace weir::proxy
