// SPDX-License-Identifier: Apache-2.0
#include "admin/explain.h"

#include "admin/question.h"
#include "admin/servers.h"
#include "base/text.h"
#include "base/wording.h"
#include "config/print.h"
#include "config/properties.h"
#include "http/failure.h"
#include "http/hop_limit.h"
#include "proxy/route_policy.h"
#include "proxy/sender.h"
#include "upstream/address_set.h"
#include "upstream/balancers.h"
#include "upstream/registry_servers.h"
#include "upstream/standing.h"

#include <algorithm>
#include <unordered_map>
#include <utility>

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
  std::vector<std::string_view> names;
  for (const config::Listener& listener : listeners) names.push_back(listener.name);
  reply.fail("unknown", unknown_word("listener", question.listener, names));
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

// Finds the client of the request as workers do before they match routes, and adds a row if a trusted proxy is involved.
net::Address tell_sender(const proxy::TrustedProxies& trusted, const Question& question,
                         RequestHead& request, Arena& arena, Story& story) {
  char room[net::Address::most_text];
  const std::string_view peer = question.client.host(room);
  const proxy::Sender sender =
      proxy::identify(request, arena, trusted, {question.client, peer, question.scheme});
  if (!sender.by) return question.client;
  const std::string_view range =
      sender.by->written.local ? "unix:" : std::string_view(sender.by->written.range.text);
  std::string outcome = concat("trusted as ", range, "; ");
  outcome += sender.source.empty() ? "it names no client"
                                   : concat("it names the client in ", sender.source);
  outcome += concat("; scheme ", sender.scheme, ", host ",
                    sender.host.empty() ? request.host : sender.host);
  story.add("client", std::string(sender.source.empty() ? peer : sender.text), outcome,
            &sender.by->written.place);
  return sender.source.empty() ? question.client : sender.address;
}

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

// What the backend's policy says of each candidate, by slot; of the rest it has nothing to say.
std::unordered_map<std::uint32_t, std::string> scores_of(const Fleet& fleet,
                                                         const config::Backend& backend,
                                                         const Outlook& all) {
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
  for (std::uint32_t i = 0; i < servers.size(); ++i)
    scores.emplace(servers.slot(i), balancer->explain(servers, {}, i));
  return scores;
}

void tell_candidates(const Fleet& fleet, std::uint32_t at, Story& story);

// What becomes of a request that no server can take now.
void tell_the_rest(const Fleet& fleet, const config::Backend& backend, const Outlook& all,
                   Story& story) {
  if (all.answering || all.trial) return;
  if (all.awaited)
    return story.add("wait", backend.name, "the request waits until a server can take it", nullptr);
  if (!backend.fallback)
    return story.add("answer", "503", std::string(http::traits(http::Failure::NoServer).words),
                     nullptr);
  story.add("fallback", fleet.config().backends[*backend.fallback].name,
            "no server is left in " + backend.name, &backend.place);
  tell_candidates(fleet, *backend.fallback, story);
}

// `at`: where it stands in the configuration.
void tell_candidates(const Fleet& fleet, std::uint32_t at, Story& story) {
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
  const auto scores = scores_of(fleet, backend, all);
  for (const Seen& seen : all.servers) {
    const config::Server* in_file = fleet.registry.in_file(seen.slot);
    std::string outcome = outcome_of(fleet, all, seen);
    if (const auto score = scores.find(seen.slot); score != scores.end() && !score->second.empty())
      outcome += concat(", ", score->second);
    story.add("server", fleet.registry.name(seen.slot), std::move(outcome),
              in_file ? &in_file->place : nullptr);
  }
  tell_the_rest(fleet, backend, all, story);
}

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

/// A request as a worker knows it when it looks for a route.
struct Asked {
  RequestHead& request;
  Arena& arena;
  const config::Listener& listener;
  proxy::Peer peer;
  bool is_early;  ///< a trusted proxy says so
};

// The first reason to refuse a request that has taken a route, or none, in the order in which streams look at them.
http::Failure refusal_at_route(const Fleet& fleet, const Asked& asked,
                               const proxy::Decision& decision, Story& story) {
  const RequestHead& request = asked.request;
  const config::Route* const chosen = decision.route;
  const bool may_tunnel =
      request.protocol != Protocol::Http2 && chosen && proxy::allows_connect(*chosen);
  if (request.method == Method::Connect && !may_tunnel) return http::Failure::MethodNotAllowed;
  if (decision.failure != http::Failure::None) return decision.failure;
  if (!chosen) return http::Failure::NoRoute;
  if (asked.is_early && !proxy::takes_early_data(*chosen)) return http::Failure::EarlyData;
  const auto most = proxy::max_body(fleet.config(), asked.listener, *chosen);
  if (most && request.framing.end == BodyEnd::Length && request.framing.length > *most) {
    story.add("body", concat(std::to_string(request.framing.length), " bytes"),
              concat("max_body is ", std::to_string(*most)), &chosen->place);
    return http::Failure::RequestBodyTooLarge;
  }
  return http::Failure::None;
}

void tell_failure(http::Failure failure, Story& story, Reply& reply) {
  const http::FailureTraits& traits = http::traits(failure);
  reply.text = failure == http::Failure::NoRoute ? "no route" : concat("refused ", traits.name);
  story.add("answer", std::to_string(traits.status), std::string(traits.words), nullptr);
}

// Where the request goes that its route forwards.
void tell_forwarding(const Fleet& fleet, const Asked& asked, std::uint32_t backend, Story& story,
                     Reply& reply) {
  switch (http::count_hop(asked.request, asked.arena)) {
    case http::HopVerdict::Forward: return tell_candidates(fleet, backend, story);
    case http::HopVerdict::Malformed:
      return tell_failure(http::Failure::RequestSyntax, story, reply);
    case http::HopVerdict::Loop: return tell_failure(http::Failure::ForwardingLoop, story, reply);
    case http::HopVerdict::Answer:
      return story.add("answer", "200", "Max-Forwards is 0: weir answers it itself", nullptr);
  }
}

// What becomes of the request at its route.
void tell_outcome(const Fleet& fleet, const Asked& asked, const proxy::Decision& decision,
                  Story& story, Reply& reply) {
  const config::Route* const chosen = decision.route;
  const http::Failure failure = refusal_at_route(fleet, asked, decision, story);
  if (failure == http::Failure::AmbiguousPath && !decision.reading.empty())
    story.add("path", std::string(decision.reading),
              decision.other == chosen ? "a second reading, which path_check strict refuses"
              : decision.other         ? "read so, it takes route " + decision.other->name
                                       : "read so, no route matches",
              decision.other ? &decision.other->place : nullptr);
  if (failure != http::Failure::None) return tell_failure(failure, story, reply);
  reply.text = "route " + chosen->name;
  if (chosen->action.kind == config::Act::Forward)
    tell_forwarding(fleet, asked, chosen->action.backend, story, reply);
}

void tell_route(const Fleet& fleet, const Asked& asked, const proxy::RouteTable& table,
                Story& story, Reply& reply) {
  const auto& [request, its_arena, listener, peer, is_early] = asked;
  Arena arena;
  const proxy::Decision decision = table.decide(request, peer, arena);
  for (const config::Route& route : listener.routes) {
    if (&route == decision.route && decision.failure != http::Failure::RegexLimit) {
      story.add("route", route.name,
                "matches: " + config::action_text(fleet.config(), route.action), &route.place);
      break;
    }
    const auto [failing, unknown] = table.judge(route, request, peer);
    std::string outcome = "matches, but later";
    if (unknown) outcome = "unknown: at its step limit: " + config::matcher_text(*unknown);
    if (failing) outcome = "does not match: " + config::matcher_text(*failing);
    const config::Matcher* reason = failing ? failing : unknown;
    story.add("route", route.name, outcome, reason ? &reason->place : &route.place);
    if (&route == decision.route) break;
  }
  tell_outcome(fleet, asked, decision, story, reply);
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
  RequestHead* request = reader.read(question);
  if (!request) {
    const http::FailureTraits& traits = http::traits(reader.failure());
    reply.text = "refused " + std::string(traits.name);
    story.add("request", call.words[0] + " " + call.words[1],
              std::to_string(traits.status) + ": " + std::string(traits.words), nullptr);
    reply.body = story.tell(call.json);
    return;
  }
  story.add("request", std::string(request->method_text) + " " + std::string(request->path),
            concat("host ", request->host, ", ", alpn_of(request->protocol), question.tls_text()),
            nullptr);
  const proxy::TrustedProxies trusted(fleet.config().trusted_proxies);
  const net::Address client = tell_sender(trusted, question, *request, reader.arena(), story);
  tell_route(fleet,
             {*request, reader.arena(), listener, question.peer(client),
              proxy::is_early(*request, trusted, question.client)},
             table, story, reply);
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
