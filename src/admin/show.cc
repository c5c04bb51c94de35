// SPDX-License-Identifier: Apache-2.0
#include "admin/show.h"

#include <weir/version.h>

#include "admin/generations.h"
#include "admin/servers.h"
#include "base/text.h"
#include "base/wall_time.h"
#include "config/print.h"
#include "config/properties.h"
#include "proxy/metrics.h"
#include "proxy/readiness.h"
#include "shm/quarantine.h"

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

// Requests, failures and latency: the columns that listeners, routes and backends have in common.
void append_traffic(const Fleet& fleet, Of kind, std::uint32_t number, Row& row) {
  shm::Counted counted = fleet.counters.sum(kind, number);
  shm::Latencies latencies = fleet.counters.latencies(kind, number);
  row.emplace_back(counted[Tally::Requests]);
  row.emplace_back(counted[Tally::Status5xx]);
  row.emplace_back(counted[Tally::Failures]);
  row.push_back(Cell::milliseconds(latencies.quantile(0.5)));
  row.push_back(Cell::milliseconds(latencies.quantile(0.99)));
}

// What the servers of a backend have together.
std::uint64_t of_servers(const Fleet& fleet, std::uint32_t backend, shm::SharedCount what) {
  std::uint64_t sum = 0;
  for (const std::uint32_t slot : fleet.registry.servers(backend))
    sum += fleet.registry.h2(slot, what);
  return sum;
}

/// The metrics of the whole fleet, piece by piece.
class MetricsBody final : public Body {
 public:
  explicit MetricsBody(const Fleet& fleet)
      : view_(fleet.view),
        metrics_(proxy::MetricNames(*view_->config, view_->certificates), fleet.segment) {}
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

/// Where a route stands: which listener, and which of its routes.
using RoutePlace = std::pair<std::uint32_t, std::uint32_t>;

// Whether the words after "LISTENER/" mean that route: its name, or "#N".
bool is_called(const config::Route& route, std::uint32_t position, std::string_view name) {
  return route.name == name || name == concat("#", std::to_string(position + 1));
}

// All routes, those of LISTENER, or the one that LISTENER/NAME or LISTENER/#N means.
bool find_routes(const Fleet& fleet, std::span<const std::string> words,
                 std::vector<RoutePlace>& found, Reply& reply) {
  const std::string_view wanted = words.empty() ? std::string_view() : words[0];
  const std::size_t slash = wanted.find('/');
  const std::string_view listener = wanted.substr(0, slash);
  const auto& listeners = fleet.config().listeners;
  bool knows_listener = words.empty();
  for (std::uint32_t l = 0; l < listeners.size(); ++l) {
    if (!words.empty() && listeners[l].name != listener) continue;
    knows_listener = true;
    for (std::uint32_t r = 0; r < listeners[l].routes.size(); ++r)
      if (slash == std::string_view::npos ||
          is_called(listeners[l].routes[r], r, wanted.substr(slash + 1)))
        found.emplace_back(l, r);
  }
  if (!knows_listener)
    reply.fail("unknown", concat("there is no listener ", in_quotes(listener)));
  else if (slash != std::string_view::npos && found.empty())
    reply.fail("unknown", concat("listener ", listener, " has no route ",
                                 in_quotes(wanted.substr(slash + 1))));
  else
    return true;
  return false;
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
  std::string unconfirmed = unconfirmed_text(fleet.reloads.unconfirmed(), call.json);
  reply.body = make_record(
      {"version", "started", "uptime_seconds", "generation", "unconfirmed", "bundle", "workers",
       "workers_leaving", "connections", "requests", "servers", "servers_routable", "changes",
       "changes_seen", "ready", "drains", "quarantined"},
      {version, time_text(fleet.started_us), uptime, fleet.view->generation,
       call.json ? Cell::json(std::move(unconfirmed)) : Cell(std::move(unconfirmed)),
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
  std::vector<RoutePlace> routes;
  if (!find_routes(fleet, call.words, routes, reply)) return;
  std::size_t count = routes.size();
  reply.body = make_list({{"listener", "nth", "route", "place", "action", "requests", "errors_5xx",
                           "failures", "p50_ms", "p99_ms"},
                          count,
                          [&fleet, view = fleet.view, routes = std::move(routes)](std::size_t i) {
                            const auto [l, r] = routes[i];
                            const config::Listener& listener = view->config->listeners[l];
                            const config::Route& route = listener.routes[r];
                            Row row{listener.name, std::uint64_t{r} + 1, route.name,
                                    config::place_text(*view->config, route.place),
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
                  "errors_5xx", "failures", "p50_ms", "p99_ms", "h2_connections", "h2_streams"},
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
                   row.emplace_back(of_servers(fleet, number, shm::SharedCount::Connections));
                   row.emplace_back(of_servers(fleet, number, shm::SharedCount::Streams));
                   return row;
                 }},
                call.json);
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
