// SPDX-License-Identifier: Apache-2.0
//
// `explain request`: which way a request takes that somebody asks about, step by step.
#include "admin/explain.h"
#include "admin/outlook.h"
#include "admin/policies.h"
#include "admin/question.h"
#include "admin/story.h"
#include "base/text.h"
#include "base/wording.h"
#include "config/properties.h"
#include "config/variables.h"
#include "http/failure.h"
#include "http/hop_limit.h"
#include "proxy/filter_preview.h"
#include "proxy/route_policy.h"
#include "proxy/sender.h"

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

// Finds the client of the request as workers do before they match routes, and adds a row if a trusted proxy is involved.
// What is known of it goes into the record.
net::Address tell_sender(const proxy::TrustedProxies& trusted, const Question& question,
                         RequestHead& request, Arena& arena, proxy::Record& record, Story& story) {
  const std::string_view peer = question.client.host(arena.text(net::Address::most_text));
  const proxy::Sender sender =
      proxy::identify(request, arena, trusted, {question.client, peer, question.scheme});
  record.client_addr = sender.text.empty() ? peer : sender.text;
  record.scheme = sender.by ? sender.scheme : std::string_view(question.scheme);
  record.host = sender.host;
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

/// A request as a worker knows it when it looks for a route.
struct Asked {
  RequestHead& request;
  proxy::Record& record;
  const config::Listener& listener;
  const proxy::Peer& peer;
  proxy::FilterPreview& preview;
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

// How it leaves the policies; true if it goes on.
bool tell_passed(const Passed& passed, Story& story, Reply& reply) {
  if (passed.failure != http::Failure::None) {
    tell_failure(passed.failure, story, reply);
    return false;
  }
  if (!passed.by) return true;
  const std::string status = std::to_string(passed.status);
  reply.text =
      concat(passed.status == 0 ? "closed" : "answered " + status, " by ", passed.by->word);
  story.add("answer", status, passed.why, &passed.by->place);
  return false;
}

// From one backend to its fallback, until one has a server.
void tell_chain(const Fleet& fleet, const Asked& asked, std::uint32_t backend, Story& story,
                Reply& reply) {
  const auto chain = config::chain_of(fleet.config(), backend);
  for (std::size_t place = 0; tell_candidates(fleet, chain[place], asked.preview, story);) {
    const Passed passed =
        tell_policies(fleet, asked.listener, *asked.record.route, ++place, asked.preview, story);
    if (!tell_passed(passed, story, reply)) return;
  }
}

// Where the request goes that its route forwards.
void tell_forwarding(const Fleet& fleet, const Asked& asked, std::uint32_t backend, Story& story,
                     Reply& reply) {
  switch (http::count_hop(asked.request, asked.preview.arena())) {
    case http::HopVerdict::Forward: return tell_chain(fleet, asked, backend, story, reply);
    case http::HopVerdict::Malformed:
      return tell_failure(http::Failure::RequestSyntax, story, reply);
    case http::HopVerdict::Loop: return tell_failure(http::Failure::ForwardingLoop, story, reply);
    case http::HopVerdict::Answer:
      return story.add("answer", "200", "Max-Forwards is 0: weir answers it itself", nullptr);
  }
}

// What a route answers whose text depends on the request; any other stands in the row of the route.
void tell_text(const config::Action& action, proxy::FilterPreview& preview, Story& story) {
  const auto text = config::parse_template(action.text);
  if (!text || !text->has_variables()) return;
  const bool is_url = action.kind == config::Act::Redirect;
  story.add("answer", std::to_string(action.status),
            std::string(preview.expand(*text, is_url ? proxy::Safety::Url : proxy::Safety::None)),
            &action.place);
}

// Where the route takes a request that its policies let through.
void tell_action(const Fleet& fleet, const Asked& asked, const config::Action& action, Story& story,
                 Reply& reply) {
  switch (action.kind) {
    case config::Act::Forward: return tell_forwarding(fleet, asked, action.backend, story, reply);
    case config::Act::Respond:
    case config::Act::Redirect: return tell_text(action, asked.preview, story);
    default: return;
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
  asked.record.route = chosen;
  const Passed passed = tell_policies(fleet, asked.listener, *chosen, 0, asked.preview, story);
  if (tell_passed(passed, story, reply)) tell_action(fleet, asked, chosen->action, story, reply);
}

void tell_route(const Fleet& fleet, const Asked& asked, const proxy::RouteTable& table,
                Story& story, Reply& reply) {
  const RequestHead& request = asked.request;
  Arena arena;
  const proxy::Decision decision = table.decide(request, asked.peer, arena);
  for (const config::Route& route : asked.listener.routes) {
    if (&route == decision.route && decision.failure != http::Failure::RegexLimit) {
      story.add("route", route.name,
                "matches: " + config::action_text(fleet.config(), route.action), &route.place);
      break;
    }
    const auto [failing, unknown] = table.judge(route, request, asked.peer);
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
  RequestReader reader({listener.head.line, listener.head.header, listener.head.fields});
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
  proxy::Record record;
  record.listener = &listener;
  record.request = request;
  const net::Address client =
      tell_sender(trusted, question, *request, reader.arena(), record, story);
  const proxy::Peer peer = question.peer(client);
  proxy::FilterPreview preview(*request, reader.arena(), record,
                               {peer, question.scheme == "https", fleet.clock.monotonic_us()});
  tell_route(fleet,
             {*request, record, listener, peer, preview,
              proxy::is_early(*request, trusted, question.client)},
             table, story, reply);
  reply.body = story.tell(call.json);
}

}  // namespace weir::admin
