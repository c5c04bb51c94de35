// SPDX-License-Identifier: Apache-2.0
//
// The commands that look at servers: each with its three columns, and what follows from them.
#include "admin/servers.h"
#include "admin/show.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "upstream/address_set.h"

#include <algorithm>

namespace weir::admin {

namespace {

const std::vector<std::string_view> server_columns = {
    "server", "use",        "since",          "reason",    "address", "weight",   "in_flight",
    "health", "configured", "override",       "by",        "runtime", "requests", "errors",
    "p50_ms", "p99_ms",     "h2_connections", "h2_streams"};

std::string configured_text(const shm::ServerColumns& columns) {
  return std::string(columns.at) + " weight " + std::to_string(columns.configured_weight);
}

std::string override_text(const shm::ServerColumns& columns) {
  std::string text;
  for (const upstream::Overriding& each : upstream::overrides(columns))
    text += (text.empty() ? "" : " ") + each.what;
  return text;
}

// Who made the overrides; if they were several people, whose each is: "uid 0 pid 7 (state), uid 0 pid 9 (weight)".
std::string overridden_by(const shm::ServerColumns& columns) {
  const std::vector<upstream::Overriding> all = upstream::overrides(columns);
  const bool is_one = std::all_of(all.begin(), all.end(), [&](const upstream::Overriding& each) {
    return std::string_view(each.mark.by) == all[0].mark.by;
  });
  if (is_one) return all.empty() ? std::string() : all[0].mark.by;
  std::string text;
  for (const upstream::Overriding& each : all)
    text += concat(text.empty() ? "" : ", ", std::string_view(each.mark.by), " (",
                   std::string_view(each.what).substr(0, each.what.find(' ')), ")");
  return text;
}

// The column that decides also says since when.
std::int64_t since_of(const shm::ServerColumns& columns) {
  if (columns.leaving) return columns.removed.since_us;
  if (columns.override_state != shm::Override::None) return columns.overridden_state.since_us;
  return columns.operational.since_us ? columns.operational.since_us : columns.configured.since_us;
}

Row server_row(const Fleet& fleet, std::uint32_t slot) {
  const shm::ServerRow& row = fleet.registry.row(slot);
  const shm::ServerColumns& columns = fleet.registry.columns(slot);
  shm::Counted counted = fleet.counters.sum(shm::Of::Server, slot);
  shm::CoarseLatencies latencies = fleet.counters.server_latencies(slot);
  return {fleet.registry.name(slot),
          upstream::Registry::word(row.use),
          time_text(since_of(columns)),
          fleet.registry.reason(slot),
          upstream::text_of(row.addresses),
          row.weight,
          fleet.registry.in_flight(slot),
          upstream::Registry::word(columns.health),
          configured_text(columns),
          override_text(columns),
          overridden_by(columns),
          Cell::json(columns.runtime ? "true" : "false"),
          counted[shm::Tally::Requests],
          counted[shm::Tally::ConnectErrors] + counted[shm::Tally::Failures],
          Cell::milliseconds(latencies.quantile(0.5)),
          Cell::milliseconds(latencies.quantile(0.99)),
          fleet.registry.h2(slot, shm::SharedCount::Connections),
          fleet.registry.h2(slot, shm::SharedCount::Streams)};
}

std::vector<std::uint32_t> all_servers(const Fleet& fleet) {
  std::vector<std::uint32_t> slots;
  for (const config::Backend& backend : fleet.config().backends) {
    auto of_backend = fleet.registry.servers(backend.number);
    slots.insert(slots.end(), of_backend.begin(), of_backend.end());
  }
  return slots;
}

Listing server_listing(const Fleet& fleet, std::vector<std::uint32_t> slots) {
  std::size_t count = slots.size();
  return {server_columns, count, [&fleet, slots = std::move(slots)](std::size_t i) {
            // Between two pieces a server may have gone and its slot be empty.
            if (fleet.registry.row(slots[i]).use == shm::Use::Free) return Row{"", "free"};
            return server_row(fleet, slots[i]);
          }};
}

}  // namespace

void show_servers(const Call& call, Reply& reply) {
  std::vector<std::uint32_t> slots;
  if (call.words.empty()) {
    slots = all_servers(call.fleet);
  } else {
    auto backend = find_backend(call.fleet, call.words[0], reply);
    if (!backend) return;
    auto some = call.fleet.registry.servers(*backend);
    slots.assign(some.begin(), some.end());
  }
  reply.body = make_list(server_listing(call.fleet, std::move(slots)), call.json);
}

// One document, made at once, so that all of it is of one moment.
void show_state(const Call& call, Reply& reply) {
  const Fleet& fleet = call.fleet;
  std::string servers = "[";
  for (std::uint32_t slot : all_servers(fleet))
    servers +=
        (servers.size() > 1 ? "," : "") + json_object(server_columns, server_row(fleet, slot));
  std::string backends = "[";
  for (const config::Backend& backend : fleet.config().backends)
    backends += (backends.size() > 1 ? "," : "") +
                json_object({"backend", "revision", "routable"},
                            {backend.name, fleet.registry.revision(backend.number),
                             fleet.registry.routable(backend.number).servers});
  reply.body =
      make_verbatim(json_object({"seq", "generation", "bundle", "drains", "backends", "servers"},
                                {fleet.events.last(), fleet.view->generation,
                                 fleet.view->bundle_hash, Cell::json(fleet.drains.to_json()),
                                 Cell::json(backends + "]"), Cell::json(servers + "]")}) +
                    "\n");
}

}  // namespace weir::admin
