// SPDX-License-Identifier: Apache-2.0
#include "proxy/rules.h"

#include <weir/protocol.h>

#include "base/hash.h"
#include "config/print.h"

#include <span>
#include <string>
#include <string_view>
#include <utility>

namespace weir::proxy {

namespace {

// What is offered to clients, the preferred one first.
constexpr std::string_view spoken[] = {weir::alpn_of(Protocol::Http2),
                                       weir::alpn_of(Protocol::Http11)};

std::span<const std::string_view> alpn_of(const config::Listener& listener) {
  return std::span(spoken).subspan(listener.http2 ? 0 : 1,
                                   std::size_t{listener.http1} + std::size_t{listener.http2});
}

}  // namespace

Result<std::shared_ptr<const Rules>> Rules::build(const config::Config& config,
                                                  const config::Listener& listener,
                                                  std::uint64_t key, FilterFactories& factories,
                                                  const shm::TicketKeys* tickets,
                                                  const Rules* before) {
  auto rules = std::make_shared<Rules>();
  std::vector<const config::Route*> routes;
  for (const config::Route& route : listener.routes) {
    auto policy = RoutePolicy::build(config, listener, route, factories);
    if (!policy) return policy.error();
    routes.push_back(&(*policy)->route);
    rules->policies_.push_back(std::move(*policy));
  }
  if (!listener.policies.empty()) {
    config::Route none;
    none.place = listener.place;
    none.policies = listener.policies;
    auto policy = RoutePolicy::build(config, listener, none, factories);
    if (!policy) return policy.error();
    rules->unrouted_ = std::move(*policy);
  }
  auto table = RouteTable::build(std::move(routes),
                                 listener.limits.path_check.value_or(config::PathCheck::On));
  if (!table) return table.error();
  rules->table_ = std::make_unique<const RouteTable>(std::move(*table));
  if (listener.tls) {
    auto tls = tls::ServerContext::build(*listener.tls, alpn_of(listener), tickets,
                                         before ? before->tls_.get() : nullptr);
    if (!tls) return tls.error().within("tls");
    rules->tls_ = std::move(*tls);
  }
  rules->listener_ = listener;
  rules->limits_ = {listener.head.line, listener.head.header, listener.head.fields};
  rules->timeouts_ = client_timeouts(listener);
  rules->key_ = key;
  return std::shared_ptr<const Rules>(std::move(rules));
}

// What is printed is compared, not the values: equal values of two configurations may mean different things, since
// files, backends and listeners are positions in theirs, and no configuration is kept beside its rules to look them up
// in.  In print they are names, and what printing forgets (numbers, contents of files) is added to it.
std::uint64_t Rules::key(const config::Config& config, const config::Listener& listener) {
  std::string text = config::print_listener(config, listener);
  text += std::to_string(listener.number);
  if (listener.tls) text += tls::ServerContext::key_of(*listener.tls);
  text += " " + std::to_string(FilterFactories::content_of(listener.policies));
  for (const config::Route& route : listener.routes) {
    text += " " + std::to_string(route.number);
    if (!route.policies.empty())
      text += " " + std::to_string(FilterFactories::content_of(route.policies));
    if (route.action.kind == config::Act::Ready)
      text += " " + std::to_string(config.listeners[route.action.listener].number);
    if (route.action.kind != config::Act::Forward) continue;
    for (const std::uint32_t each : config::chain_of(config, route.action.backend)) {
      const config::Backend& backend = config.backends[each];
      text += " " + std::to_string(backend.number) + config::print_values(config, backend);
    }
  }
  return fast_hash(text);
}

}  // namespace weir::proxy
