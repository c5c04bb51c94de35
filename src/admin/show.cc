// SPDX-License-Identifier: Apache-2.0
#include "admin/show.h"

#include <weir/version.h>

#include "admin/servers.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "config/identity.h"
#include "config/print.h"
#include "config/properties.h"
#include "proxy/metrics.h"
#include "proxy/readiness.h"
#include "shm/quarantine.h"
#include "shm/report.h"

#include <algorithm>

namespace weir::admin {

using shm::Of;
using shm::Tally;

namespace {

std::uint64_t total(const Fleet& fleet, shm::Count what) {
  std::uint64_t sum = 0;
  for (const shm::WorkerState& worker : fleet.workers) sum += worker.get(what);
  return sum;
}

std::uint64_t workers_leaving(const Fleet& fleet) {
  std::uint64_t count = 0;
  for (std::uint32_t i = 0; i < fleet.workers.size(); ++i)
    count += fleet.runs(i) && fleet.workers[i].get(shm::Count::Leaving) != 0;
  return count;
}

std::string milliseconds(std::uint64_t us) {
  return std::to_string(us / 1000) + "." + std::to_string(us / 100 % 10);
}

// Requests, failures and latency: the columns that listeners, routes and backends have in common.
void append_traffic(const Fleet& fleet, Of kind, std::uint32_t number, Row& row) {
  shm::Counted counted = fleet.counters.sum(kind, number);
  shm::Latencies latencies = fleet.counters.latencies(kind, number);
  row.emplace_back(counted[Tally::Requests]);
  row.emplace_back(counted[Tally::Status5xx]);
  row.emplace_back(counted[Tally::Failures]);
  row.push_back(Cell::json(milliseconds(latencies.quantile(0.5))));
  row.push_back(Cell::json(milliseconds(latencies.quantile(0.99))));
}

const std::vector<std::string_view> server_columns = {
    "server",     "use",      "since", "reason",  "address",  "weight", "in_flight", "health",
    "configured", "override", "by",    "runtime", "requests", "errors", "p50_ms",    "p99_ms"};

std::string configured_text(const shm::ServerColumns& columns) {
  return std::string(columns.at) + " weight " + std::to_string(columns.configured_weight);
}

std::string override_text(const shm::ServerColumns& columns) {
  std::string text;
  auto add = [&text](const std::string& part) { text += (text.empty() ? "" : " ") + part; };
  if (columns.leaving) add("removed");
  if (columns.override_state != shm::Override::None)
    add("state " + std::string(upstream::Registry::word(columns.override_state)));
  if (columns.override_weight >= 0) add("weight " + std::to_string(columns.override_weight));
  if (columns.override_address.size > 0)
    add("address " + upstream::from_shared(columns.override_address).text());
  return text;
}

// The column that decides also says since when.
std::int64_t since_of(const shm::ServerColumns& columns) {
  if (columns.leaving || columns.override_state != shm::Override::None)
    return columns.overridden.since_us;
  return columns.operational.since_us ? columns.operational.since_us : columns.configured.since_us;
}

Row server_row(const Fleet& fleet, std::uint32_t slot) {
  const shm::ServerRow& row = fleet.registry.row(slot);
  const shm::ServerColumns& columns = fleet.registry.columns(slot);
  shm::Counted counted = fleet.counters.sum(Of::Server, slot);
  shm::CoarseLatencies latencies = fleet.counters.server_latencies(slot);
  return {fleet.registry.name(slot),
          upstream::Registry::word(row.use),
          time_text(since_of(columns)),
          fleet.registry.reason(slot),
          row.address.size ? upstream::from_shared(row.address).text() : "",
          row.weight,
          fleet.registry.in_flight(slot),
          upstream::Registry::word(columns.health),
          configured_text(columns),
          override_text(columns),
          columns.overridden.by,
          Cell::json(columns.runtime ? "true" : "false"),
          counted[Tally::Requests],
          counted[Tally::ConnectErrors] + counted[Tally::Failures],
          Cell::json(milliseconds(latencies.quantile(0.5))),
          Cell::json(milliseconds(latencies.quantile(0.99)))};
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

// What a reload has taken away has no name any more.
template <typename T>
std::string name_of(const T* what) {
  return what ? what->name : "";
}

/// A row of a worker's report.
struct Found {
  std::uint32_t worker;
  shm::SessionRow row;
};

// The workers are asked first; the rows are looked at when they have answered.
void ask_for_sessions(const Call& call, Reply& reply, bool streams_only,
                      std::vector<std::string_view> columns,
                      Row (*describe)(const Fleet&, const Found&)) {
  reply.answered_at = call.fleet.daemon.ask_workers();
  reply.body = make_later([&fleet = call.fleet, json = call.json, streams_only, describe,
                           columns = std::move(columns)] {
    std::vector<Found> found;
    for (std::uint32_t worker = 0; worker < fleet.workers.size(); ++worker) {
      if (!fleet.runs(worker)) continue;
      const shm::Report report(fleet.segment, worker);
      for (std::uint32_t i = 0; i < report.size(); ++i) {
        Found each{worker, report.row(i)};
        if (each.row.has_stream || !streams_only) found.push_back(each);
      }
    }
    std::size_t count = found.size();
    return make_list({columns, count,
                      [&fleet, describe, found = std::move(found)](std::size_t i) {
                        return describe(fleet, found[i]);
                      }},
                     json);
  });
}

/// The metrics of the whole fleet, piece by piece.
class MetricsBody final : public Body {
 public:
  explicit MetricsBody(const Fleet& fleet)
      : view_(fleet.view), metrics_(*view_->config, fleet.segment) {}
  bool next(std::string& out) override {
    if (done_) return false;
    done_ = !metrics_.next(out);
    return true;
  }

 private:
  std::shared_ptr<const View> view_;
  proxy::Metrics metrics_;
  bool done_ = false;
};

// Those that are not serving.
std::string drains_text(const Fleet& fleet) {
  std::string text;
  for (std::uint32_t scope : fleet.drains.scopes())
    if (fleet.drains.order(scope).phase != shm::DrainPhase::Serving)
      text += concat(text.empty() ? "" : "; ", fleet.drains.name(scope), " ",
                     fleet.drains.describe(scope));
  return text.empty() ? "none" : text;
}

}  // namespace

void show_status(const Call& call, Reply& reply) {
  const Fleet& fleet = call.fleet;
  std::uint64_t uptime = static_cast<std::uint64_t>(wall_clock_us() - fleet.started_us) / 1'000'000;
  std::uint32_t servers = 0, routable = 0;
  for (const config::Backend& backend : fleet.config().backends) {
    servers += static_cast<std::uint32_t>(fleet.registry.servers(backend.number).size());
    routable += fleet.registry.routable(backend.number).servers;
  }
  std::string_view why = proxy::why_not_ready(fleet.segment);
  reply.body = make_record(
      {"version", "started", "uptime_seconds", "generation", "bundle", "workers", "workers_leaving",
       "connections", "requests", "servers", "servers_routable", "changes", "changes_seen", "ready",
       "drains", "quarantined"},
      {version, time_text(fleet.started_us), uptime, fleet.view->generation,
       fleet.view->bundle_hash, std::uint64_t{fleet.config().workers}, workers_leaving(fleet),
       total(fleet, shm::Count::ClientsOpen), total(fleet, shm::Count::Requests), servers, routable,
       fleet.registry.table().changes(), fleet.daemon.seen_by_all(),
       why.empty() ? std::string("yes") : concat("no: ", why),
       call.json ? Cell::json(fleet.drains.to_json()) : Cell(drains_text(fleet)),
       shm::Quarantine(fleet.segment).size()},
      call.json);
}

void show_listeners(const Call& call, Reply& reply) {
  const Fleet& fleet = call.fleet;
  reply.body =
      make_list({{"listener", "place", "phase", "binds", "routes", "requests", "errors_5xx",
                  "failures", "p50_ms", "p99_ms"},
                 fleet.config().listeners.size(),
                 [&fleet, view = fleet.view](std::size_t i) {
                   const config::Listener& listener = view->config->listeners[i];
                   std::string binds;
                   for (const config::Bind& bind : listener.binds)
                     binds += (binds.empty() ? "" : " ") + bind.at.text;
                   auto scope = shm::Drain::of_listener(listener.number);
                   Row row{listener.name, config::place_text(*view->config, listener.place),
                           phase_word(fleet.drains.order(scope).phase), binds,
                           static_cast<std::uint64_t>(listener.routes.size())};
                   append_traffic(fleet, Of::Listener, listener.number, row);
                   return row;
                 }},
                call.json);
}

void show_routes(const Call& call, Reply& reply) {
  const Fleet& fleet = call.fleet;
  std::vector<std::pair<std::uint32_t, std::uint32_t>> routes;
  for (std::uint32_t l = 0; l < fleet.config().listeners.size(); ++l)
    for (std::uint32_t r = 0; r < fleet.config().listeners[l].routes.size(); ++r)
      routes.emplace_back(l, r);
  std::size_t count = routes.size();
  reply.body = make_list(
      {{"listener", "route", "place", "action", "requests", "errors_5xx", "failures", "p50_ms",
        "p99_ms"},
       count,
       [&fleet, view = fleet.view, routes = std::move(routes)](std::size_t i) {
         const config::Listener& listener = view->config->listeners[routes[i].first];
         const config::Route& route = listener.routes[routes[i].second];
         Row row{listener.name, route.name, config::place_text(*view->config, route.place),
                 config::action_text(*view->config, route.action)};
         append_traffic(fleet, Of::Route, route.number, row);
         return row;
       }},
      call.json);
}

void show_backends(const Call& call, Reply& reply) {
  const Fleet& fleet = call.fleet;
  reply.body =
      make_list({{"backend", "place", "servers", "routable", "weight", "revision", "requests",
                  "errors_5xx", "failures", "p50_ms", "p99_ms"},
                 fleet.config().backends.size(),
                 [&fleet, view = fleet.view](std::size_t i) {
                   const config::Backend& backend = view->config->backends[i];
                   const std::uint32_t number = backend.number;
                   upstream::Registry::Routable routable = fleet.registry.routable(number);
                   Row row{backend.name,
                           config::place_text(*view->config, backend.place),
                           static_cast<std::uint64_t>(fleet.registry.servers(number).size()),
                           routable.servers,
                           routable.weight,
                           fleet.registry.revision(number)};
                   append_traffic(fleet, Of::Backend, number, row);
                   return row;
                 }},
                call.json);
}

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

void show_workers(const Call& call, Reply& reply) {
  const Fleet& fleet = call.fleet;
  std::vector<std::uint32_t> there;
  for (std::uint32_t i = 0; i < fleet.workers.size(); ++i)
    if (fleet.runs(i)) there.push_back(i);
  std::size_t count = there.size();
  reply.body =
      make_list({{"worker", "state", "replaced", "connections", "accepted", "requests",
                  "changes_behind", "loop_lag_ms", "longest_call_ms", "longest_call"},
                 count,
                 [&fleet, there = std::move(there)](std::size_t i) {
                   const shm::WorkerState& worker = fleet.workers[there[i]];
                   const shm::ServerTable& table = fleet.registry.table();
                   return Row{std::uint64_t{there[i]},
                              worker.get(shm::Count::Leaving) ? "leaving" : "serving",
                              worker.get(shm::Count::Incarnation),
                              worker.get(shm::Count::ClientsOpen),
                              worker.get(shm::Count::ClientsAccepted),
                              worker.get(shm::Count::Requests),
                              table.changes() - table.seen(there[i]),
                              Cell::json(milliseconds(worker.get(shm::Count::LongestTurn))),
                              Cell::json(milliseconds(worker.get(shm::Count::LongestCall))),
                              worker.call_name()};
                 }},
                call.json);
}

void show_sessions(const Call& call, Reply& reply) {
  ask_for_sessions(call, reply, false,
                   {"worker", "client", "listener", "phase", "age_ms", "requests"},
                   [](const Fleet& fleet, const Found& found) {
                     const shm::SessionRow& row = found.row;
                     return Row{found.worker,
                                row.client,
                                name_of(config::find_listener(fleet.config(), row.listener)),
                                row.phase,
                                Cell::json(milliseconds(row.age_us)),
                                row.requests};
                   });
}

void show_streams(const Call& call, Reply& reply) {
  ask_for_sessions(
      call, reply, true,
      {"worker", "client", "listener", "phase", "method", "path", "route", "server", "age_ms",
       "bytes_in", "bytes_out"},
      [](const Fleet& fleet, const Found& found) {
        const shm::SessionRow& row = found.row;
        const config::Listener* listener = config::find_listener(fleet.config(), row.listener);
        const config::Route* route =
            listener && row.route >= 0
                ? config::find_route(*listener, static_cast<std::uint32_t>(row.route))
                : nullptr;
        bool has_server = row.server >= 0 &&
                          fleet.registry.table().used() > static_cast<std::uint32_t>(row.server);
        return Row{found.worker,
                   row.client,
                   name_of(listener),
                   row.phase,
                   row.method,
                   row.path,
                   name_of(route),
                   has_server ? fleet.registry.name(static_cast<std::uint32_t>(row.server)) : "",
                   Cell::json(milliseconds(row.request_us)),
                   row.bytes_in,
                   row.bytes_out};
      });
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

void show_config(const Call& call, Reply& reply) {
  reply.body = make_text(config::print_effective(call.fleet.config()), call.json);
}

void show_bundle(const Call& call, Reply& reply) {
  const Fleet& fleet = call.fleet;
  reply.text = fleet.view->bundle_hash;
  reply.body = make_text(fleet.view->bundle_text, call.json);
}

void show_audit(const Call& call, Reply& reply) {
  std::vector<AuditEntry> entries = call.fleet.audit.kept();
  std::size_t count = entries.size();
  reply.body =
      make_list({{"time", "by", "command", "outcome"},
                 count,
                 [entries = std::move(entries)](std::size_t i) {
                   const AuditEntry& entry = entries[i];
                   return Row{time_text(entry.time_us), entry.by, entry.command, entry.outcome};
                 }},
                call.json);
}

void show_metrics(const Call& call, Reply& reply) {
  reply.body = std::make_unique<MetricsBody>(call.fleet);
}

}  // namespace weir::admin
