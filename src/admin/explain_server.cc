// SPDX-License-Identifier: Apache-2.0
//
// `explain server`: why a server is used as it is.
#include "admin/explain.h"
#include "admin/servers.h"
#include "admin/story.h"
#include "upstream/address_set.h"

#include <utility>

namespace weir::admin {

namespace {

// What the name of a server stands for.
void add_addresses(const shm::ServerColumns& columns, Story& story) {
  const std::string error = columns.resolve_error;
  if (columns.resolved.count == 0 && error.empty()) return;
  std::string outcome = error.empty() ? "dns: the last answer" : "dns: " + error;
  if (!error.empty() && columns.resolved.count > 0)
    outcome += "; the last good answer stays in use";
  story.add("addresses", columns.resolved.count ? upstream::text_of(columns.resolved) : "none",
            outcome, nullptr);
}

}  // namespace

void explain_server(const Call& call, Reply& reply) {
  const Fleet& fleet = call.fleet;
  auto slot = find_server(fleet, call.words[0], reply);
  if (!slot) return;
  const upstream::Registry& registry = fleet.registry;
  const shm::ServerRow& row = registry.row(*slot);
  const shm::ServerColumns& columns = registry.columns(*slot);
  const config::Backend* backend = registry.backend(row.backend);
  const config::Check* check = backend && backend->check ? &*backend->check : nullptr;
  const config::Server* in_file = registry.in_file(*slot);
  reply.text = std::string(upstream::Registry::word(row.use));
  Story story(fleet);
  auto mark = [&story](const char* step, std::string what, const shm::Mark& said,
                       const config::Place* where) {
    std::string outcome = said.by;
    if (said.why[0]) outcome += std::string(": ") + said.why;
    if (said.since_us) outcome += " (since " + time_text(said.since_us) + ")";
    story.add(step, std::move(what), outcome, where);
  };
  story.add("use", std::string(upstream::Registry::word(row.use)), registry.reason(*slot), nullptr);
  mark("configured",
       std::string(columns.at) + " weight " + std::to_string(columns.configured_weight),
       columns.configured, in_file ? &in_file->place : nullptr);
  add_addresses(columns, story);
  for (const upstream::Overriding& each : upstream::overrides(columns))
    mark("override", each.what, each.mark, nullptr);
  mark("operational", std::string(upstream::Registry::word(columns.health)), columns.operational,
       check ? &check->place : nullptr);
  if (check)
    for (const upstream::CheckResult& result : fleet.health.results(*slot)) {
      static constexpr std::string_view outcomes[] = {"passed", "failed", "inconclusive"};
      story.add(
          "check", time_text(result.at_us) + " in " + std::to_string(result.took_us / 1000) + " ms",
          std::string(outcomes[static_cast<std::size_t>(result.outcome)]) + ": " + result.seen,
          nullptr);
    }
  std::string name = registry.name(*slot);
  for (std::uint64_t seq = fleet.events.first_kept(); seq <= fleet.events.last(); ++seq)
    if (auto event = fleet.events.find(seq); event->object == name)
      story.add("event", time_text(event->time_us) + " " + event->type,
                event->from + " -> " + event->to + ": " + event->cause + ": " + event->reason,
                nullptr);
  reply.body = story.tell(call.json);
}

}  // namespace weir::admin
