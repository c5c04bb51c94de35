// SPDX-License-Identifier: Apache-2.0
#include "proxy/snapshot.h"

#include <unordered_map>
#include <utility>

namespace weir::proxy {

Result<std::shared_ptr<const Snapshot>> Snapshot::build(
    std::unique_ptr<const config::Config> config, std::uint64_t generation,
    const Snapshot* before) {
  auto snapshot = std::make_shared<Snapshot>();
  std::unordered_map<std::uint64_t, std::shared_ptr<const Rules>> known;
  if (before)
    for (const auto& rules : before->listeners) known.emplace(rules->key_, rules);
  for (const config::Listener& listener : config->listeners) {
    std::uint64_t key = Rules::key(*config, listener);
    auto same = known.find(key);
    if (same != known.end()) {
      snapshot->listeners.push_back(same->second);
      ++snapshot->reused;
      continue;
    }
    auto rules = Rules::build(*config, listener, key);
    if (!rules) return rules.error().within("listener " + listener.name);
    snapshot->listeners.push_back(std::move(*rules));
  }
  for (const config::Backend& backend : config->backends)
    snapshot->backends.push_back(upstream::policy_of(*config, backend));
  snapshot->generation = generation;
  snapshot->config = std::move(config);
  return std::shared_ptr<const Snapshot>(std::move(snapshot));
}

}  // namespace weir::proxy
