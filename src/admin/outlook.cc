// SPDX-License-Identifier: Apache-2.0
#include "admin/outlook.h"

#include "base/hash.h"
#include "base/text.h"
#include "config/variables.h"
#include "http/failure.h"
#include "upstream/balancers.h"
#include "upstream/pipeline.h"
#include "upstream/registry_servers.h"
#include "upstream/standing.h"

#include <algorithm>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace weir::admin {

namespace {

/// One of a backend's servers, as a worker that has to choose sees it.
struct Seen {
  std::uint32_t slot;
  upstream::Duty duty;
  bool is_backup, is_full;
  upstream::Step step() const {
    return is_backup ? upstream::Step::Backup : upstream::Step::Primary;
  }
};

/// A backend's servers, and what comes of it.
struct Outlook {
  bool panic = false;
  bool awaited = false;                     ///< a request would wait rather than fail
  std::optional<upstream::Step> answering;  ///< which servers get requests, besides trials
  bool trial = false;                       ///< there is a half-open one
  std::vector<Seen> servers;
};

Outlook look_at(const Fleet& fleet, std::uint32_t backend) {
  Outlook all;
  upstream::PanicScale scale;
  const auto slots = fleet.registry.servers(backend);
  for (const std::uint32_t slot : slots) scale.add(upstream::standing_of(fleet.registry.row(slot)));
  all.panic = scale.is_panic(fleet.registry.backend(backend)->panic);
  for (const std::uint32_t slot : slots) {
    const shm::ServerRow& row = fleet.registry.row(slot);
    const upstream::Duty duty = upstream::duty_of(upstream::standing_of(row), all.panic);
    const bool full = row.max_in_flight > 0 && fleet.registry.in_flight(slot) >= row.max_in_flight;
    all.servers.push_back({slot, duty, row.backup, full});
    all.awaited |= duty.awaited;
    all.trial |= duty.trial && !full;
  }
  for (const upstream::Step step : upstream::choosing_order) {
    const auto takes = [step](const Seen& seen) {
      return seen.duty.regular && !seen.is_full && seen.step() == step;
    };
    if (!all.answering && std::any_of(all.servers.begin(), all.servers.end(), takes))
      all.answering = step;
  }
  return all;
}

std::string outcome_of(const Fleet& fleet, const Outlook& all, const Seen& seen) {
  const shm::ServerRow& row = fleet.registry.row(seen.slot);
  const std::string load = "weight " + std::to_string(row.weight) + ", in flight " +
                           std::to_string(fleet.registry.in_flight(seen.slot));
  const std::string state =
      concat(upstream::Registry::word(row.use), ": ", fleet.registry.reason(seen.slot));
  if (!seen.duty.regular && !seen.duty.trial)
    return row.weight == 0 && row.use == shm::Use::Up ? "skipped: weight 0" : "skipped: " + state;
  if (seen.is_full) return "skipped: at max_in_flight " + std::to_string(row.max_in_flight);
  if (seen.duty.trial) return concat("on trial: one request at a time, ", load);
  if (seen.step() != all.answering) return concat("in reserve: backup, ", load);
  if (row.use != shm::Use::Up) return concat("candidate in panic: ", state, ", ", load);
  return concat(seen.is_backup ? "candidate: backup, " : "candidate: ", load);
}

// The request as a balancer looks at it.
Pick pick_for(const BalancerFactory& factory, proxy::FilterPreview& request) {
  Pick pick;
  pick.kind = request.request().wants_upgrade ? RequestClass::Tunnel : RequestClass::Exchange;
  pick.stream = &request;
  pick.now_us = request.now();
  const auto text = config::parse_template(factory.needs().hash_of);
  if (!text || !request.knows(*text)) return pick;
  if (const std::string_view key = request.expand(*text, proxy::Safety::Field); !key.empty())
    pick.hash = fast_hash(key);
  return pick;
}

// What the backend's policy says of each candidate, by slot; of the rest it has nothing to say.
std::unordered_map<std::uint32_t, std::string> scores_of(const Fleet& fleet,
                                                         const config::Backend& backend,
                                                         const Outlook& all,
                                                         proxy::FilterPreview& request) {
  std::unordered_map<std::uint32_t, std::string> scores;
  const auto factory = upstream::make_balancers(fleet.config(), backend);
  if (!all.answering || !factory) return scores;
  std::vector<std::uint32_t> candidates, others;
  for (const Seen& seen : all.servers)
    if (seen.step() == *all.answering)
      (seen.duty.regular ? candidates : others).push_back(seen.slot);
  const bool backups = *all.answering == upstream::Step::Backup;
  const upstream::RegistryServers servers(fleet.registry, backups, std::move(candidates), others);
  const auto balancer = (*factory)->make(0);
  balancer->on_change(servers);
  const Pick pick = pick_for(**factory, request);
  for (std::uint32_t i = 0; i < servers.size(); ++i)
    scores.emplace(servers.slot(i), balancer->explain(servers, pick, i));
  return scores;
}

// What becomes of a request that no server can take now.  True if it goes to the fallback.
bool tell_the_rest(const Fleet& fleet, const config::Backend& backend, const Outlook& all,
                   Story& story) {
  if (all.answering || all.trial) return false;
  if (all.awaited)
    story.add("wait", backend.name, "the request waits until a server can take it", nullptr);
  else if (!backend.fallback)
    story.add("answer", "503", std::string(http::traits(http::Failure::NoServer).words), nullptr);
  else
    story.add("fallback", fleet.config().backends[*backend.fallback].name,
              "no server is left in " + backend.name, &backend.place);
  return !all.awaited && backend.fallback;
}

}  // namespace

bool tell_candidates(const Fleet& fleet, std::uint32_t at, proxy::FilterPreview& request,
                     Story& story) {
  const config::Backend& backend = fleet.config().backends[at];
  const Outlook all = look_at(fleet, backend.number);
  story.add("backend", backend.name,
            std::to_string(fleet.registry.routable(backend.number).servers) + " of " +
                std::to_string(all.servers.size()) + " servers take requests",
            &backend.place);
  if (all.panic)
    story.add("panic", backend.name,
              "under " + std::to_string(backend.panic) +
                  "% of its weight is usable: all are used but those taken out by hand",
              &backend.place);
  if (backend.pipeline) {
    const std::string_view alone =
        upstream::why_alone(request.request(), backend.pipeline->credentials);
    story.add("pipeline", backend.name,
              alone.empty() ? "may share a connection with others"
                            : concat("has a connection of its own: ", alone),
              &backend.pipeline->place);
  }
  const auto scores = scores_of(fleet, backend, all, request);
  for (const Seen& seen : all.servers) {
    const config::Server* in_file = fleet.registry.in_file(seen.slot);
    std::string outcome = outcome_of(fleet, all, seen);
    if (const auto score = scores.find(seen.slot); score != scores.end() && !score->second.empty())
      outcome += concat(", ", score->second);
    story.add("server", fleet.registry.name(seen.slot), std::move(outcome),
              in_file ? &in_file->place : nullptr);
  }
  return tell_the_rest(fleet, backend, all, story);
}

}  // namespace weir::admin
