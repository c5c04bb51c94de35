// SPDX-License-Identifier: Apache-2.0
#include "admin/explain.h"

#include "admin/question.h"
#include "admin/servers.h"
#include "base/text.h"
#include "config/print.h"
#include "config/properties.h"
#include "http/failure.h"

#include <algorithm>

namespace weir::admin {

namespace {

// By name, else by the port of the URL, else the first one.
std::optional<std::size_t> find_listener(const Fleet& fleet, const Question& question,
                                         Reply& reply) {
  const auto& listeners = fleet.config().listeners;
  for (std::size_t i = 0; i < listeners.size(); ++i) {
    if (!question.listener.empty() && listeners[i].name == question.listener) return i;
    for (const config::Bind& bind : listeners[i].binds)
      if (question.listener.empty() && question.port != 0 && bind.at.port == question.port)
        return i;
  }
  if (question.listener.empty()) return 0;
  reply.fail("unknown", "there is no listener " + in_quotes(question.listener));
  return std::nullopt;
}

/// The rows of an explanation: what was looked at, what came of it, and where it stands.
class Story {
 public:
  explicit Story(const Fleet& fleet) : fleet_(fleet) {}

  void add(std::string step, std::string what, std::string outcome, const config::Place* place) {
    rows_.push_back({std::move(step), std::move(what), std::move(outcome),
                     config::place_text(fleet_.config(), place)});
  }
  std::unique_ptr<Body> tell(bool json) {
    std::size_t count = rows_.size();
    return make_list({{"step", "what", "outcome", "place"},
                      count,
                      [rows = std::move(rows_)](std::size_t i) { return rows[i]; }},
                     json);
  }

 private:
  const Fleet& fleet_;
  std::vector<Row> rows_;
};

bool any_starting(const Fleet& fleet, std::uint32_t backend) {
  auto servers = fleet.registry.servers(backend);
  return std::any_of(servers.begin(), servers.end(), [&fleet](std::uint32_t slot) {
    return fleet.registry.row(slot).use == shm::Use::Starting;
  });
}

// As workers see it: backups and what was taken out by hand do not count.
bool is_in_panic(const Fleet& fleet, std::uint32_t backend) {
  std::uint64_t usable = 0, all = 0;
  for (std::uint32_t slot : fleet.registry.servers(backend)) {
    const shm::ServerRow& row = fleet.registry.row(slot);
    if (row.backup || row.forced_out) continue;
    all += row.weight;
    if (row.use == shm::Use::Up || row.use == shm::Use::Starting) usable += row.weight;
  }
  return usable * 100 < all * fleet.registry.backend(backend)->panic;
}

// `at`: where it stands in the configuration.
void tell_candidates(const Fleet& fleet, std::uint32_t at, Story& story) {
  const config::Backend& backend = fleet.config().backends[at];
  const std::uint32_t number = backend.number;
  story.add("backend", backend.name,
            std::to_string(fleet.registry.routable(number).servers) + " of " +
                std::to_string(fleet.registry.servers(number).size()) + " servers take requests",
            &backend.place);
  for (std::uint32_t slot : fleet.registry.servers(number)) {
    const shm::ServerRow& row = fleet.registry.row(slot);
    std::string load = "weight " + std::to_string(row.weight) + ", in flight " +
                       std::to_string(fleet.registry.in_flight(slot));
    bool full = row.max_in_flight > 0 && fleet.registry.in_flight(slot) >= row.max_in_flight;
    std::string outcome;
    if (row.use != shm::Use::Up && row.use != shm::Use::HalfOpen)
      outcome = "skipped: " + std::string(upstream::Registry::word(row.use)) + ": " +
                fleet.registry.reason(slot);
    else if (row.weight == 0)
      outcome = "skipped: weight 0";
    else if (full)
      outcome = "skipped: at max_in_flight " + std::to_string(row.max_in_flight);
    else if (row.backup && fleet.registry.routable(number).servers > 1)
      outcome = "in reserve: backup, " + load;
    else
      outcome = "candidate: " + load;
    const config::Server* in_file = fleet.registry.in_file(slot);
    story.add("server", fleet.registry.name(slot), outcome, in_file ? &in_file->place : nullptr);
  }
  if (is_in_panic(fleet, number))
    story.add("panic", backend.name,
              "under " + std::to_string(backend.panic) +
                  "% of its weight is usable: all are used but those taken out by hand",
              &backend.place);
  else if (fleet.registry.routable(number).servers == 0 && any_starting(fleet, number))
    story.add("wait", backend.name, "the request waits until a server is known to be up", nullptr);
  else if (fleet.registry.routable(number).servers == 0 && backend.fallback) {
    story.add("fallback", fleet.config().backends[*backend.fallback].name,
              "no server is left in " + backend.name, &backend.place);
    tell_candidates(fleet, *backend.fallback, story);
  }
}

}  // namespace

void explain_request(const Call& call, Reply& reply) {
  const Fleet& fleet = call.fleet;
  Question question;
  if (auto understood = read_question(call.words, question); !understood)
    return reply.fail("usage", understood.error().text());
  auto number = find_listener(fleet, question, reply);
  if (!number) return;
  const config::Listener& listener = fleet.config().listeners[*number];
  const proxy::RouteTable& table = fleet.view->routes[*number];
  Story story(fleet);
  story.add("listener", listener.name, "", &listener.place);
  RequestReader reader({listener.max_line, listener.max_header, listener.max_fields});
  const RequestHead* request = reader.read(question);
  if (!request) {
    const http::FailureTraits& traits = http::traits(reader.failure());
    reply.text = "refused " + std::string(traits.name);
    story.add("request", call.words[0] + " " + call.words[1],
              std::to_string(traits.status) + ": " + std::string(traits.words), nullptr);
    reply.body = story.tell(call.json);
    return;
  }
  story.add("request", std::string(request->method_text) + " " + std::string(request->path),
            concat("host ", request->host, ", ", proxy::protocol_of(*request), question.tls_text()),
            nullptr);
  const proxy::Peer peer = question.peer();
  const config::Route* chosen = table.match(*request, peer).route;
  for (const config::Route& route : listener.routes) {
    const config::Matcher* failing = table.failing(route, *request, peer);
    if (&route == chosen) {
      story.add("route", route.name,
                "matches: " + config::action_text(fleet.config(), route.action), &route.place);
      break;
    }
    story.add("route", route.name,
              failing ? "does not match: " + config::matcher_text(*failing) : "matches, but later",
              failing ? &failing->place : &route.place);
  }
  if (!chosen) {
    reply.text = "no route";
    story.add("answer", "404", std::string(http::traits(http::Failure::NoRoute).words), nullptr);
  } else {
    reply.text = "route " + chosen->name;
    if (chosen->action.kind == config::Act::Forward)
      tell_candidates(fleet, chosen->action.backend, story);
  }
  reply.body = story.tell(call.json);
}

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
  if (columns.overridden.since_us)
    mark("override",
         std::string(upstream::Registry::word(columns.override_state)) +
             (columns.override_weight >= 0 ? " weight " + std::to_string(columns.override_weight)
                                           : ""),
         columns.overridden, nullptr);
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
