// SPDX-License-Identifier: Apache-2.0
#include "proxy/route_policy.h"

#include "config/units.h"
#include "filter/table.h"

#include <algorithm>

namespace weir::proxy {

namespace {

using config::Limits;

template <typename... Levels>
ClientTimeouts client_limits(const Levels&... levels) {
  auto of = [&](auto member) { return config::microseconds(config::pick(member, levels...)); };
  return {of(&Limits::handshake), of(&Limits::header),  of(&Limits::body),  of(&Limits::send),
          of(&Limits::idle),      of(&Limits::request), of(&Limits::tunnel)};
}

// Of a route that forwards; of others there are none.
const Limits& backend_limits(const config::Config& config, const config::Route& route) {
  static const Limits nothing;
  const bool forwards = route.action.kind == config::Act::Forward;
  return forwards ? config.backends[route.action.backend].limits : nothing;
}

}  // namespace

bool allows_connect(const config::Route& route) {
  const auto& matchers = route.matchers;
  return route.action.kind == config::Act::Close ||
         std::any_of(matchers.begin(), matchers.end(), [](const config::Matcher& matcher) {
           return matcher.kind == config::Match::Method && !matcher.negated &&
                  matcher.value == "CONNECT";
         });
}

bool takes_early_data(const config::Route& route) {
  return route.limits.early_data.value_or(false);
}

std::optional<std::uint64_t> max_body(const config::Config& config,
                                      const config::Listener& listener,
                                      const config::Route& route) {
  return config::pick(&Limits::max_body, route.limits, backend_limits(config, route),
                      listener.limits, config::default_limits());
}

config::PathCheck path_check(const config::Listener& listener, const config::Route& route) {
  return config::pick(&Limits::path_check, route.limits, listener.limits, config::default_limits());
}

ClientTimeouts client_timeouts(const config::Listener& listener) {
  return client_limits(listener.limits, config::default_limits());
}

Result<std::shared_ptr<const RoutePolicy>> RoutePolicy::build(const config::Config& config,
                                                              const config::Listener& listener,
                                                              const config::Route& route,
                                                              FilterFactories& factories) {
  auto policy = std::make_shared<RoutePolicy>();
  policy->route = route;
  policy->file = config.files[route.place.file];
  const Limits& backend = backend_limits(config, route);
  if (route.action.kind == config::Act::Ready)
    policy->listener = config.listeners[route.action.listener].number;
  if (route.action.kind == config::Act::Forward) {
    for (const std::uint32_t each : config::chain_of(config, route.action.backend))
      policy->fallbacks.push_back(config.backends[each].number);
    policy->backend = policy->fallbacks.front();
    policy->fallbacks.erase(policy->fallbacks.begin());
  }
  const Limits& last = config::default_limits();
  policy->client = client_limits(route.limits, backend, listener.limits, last);
  auto of = [&](auto member) {
    return config::microseconds(config::pick(member, route.limits, backend, listener.limits, last));
  };
  policy->server = upstream::server_timeouts(route.limits, backend, listener.limits, last);
  policy->filter = of(&Limits::filter);
  policy->queue = of(&Limits::queue);
  policy->max_body = proxy::max_body(config, listener, route);
  policy->early_data = takes_early_data(route);
  policy->client_close = config::pick(&Limits::client_close, route.limits, listener.limits, last);
  policy->allows_connect = proxy::allows_connect(route);
  policy->path_check = proxy::path_check(listener, route);
  policy->retry = config::pick(&Limits::retry, route.limits, backend, listener.limits, last);
  auto text = config::parse_template(route.action.text);
  if (!text) return text.error();
  policy->text = std::move(*text);
  auto filters = FilterChain::build(config, policy->route, factories);
  if (!filters) return filters.error();
  policy->filters = std::move(*filters);
  return std::shared_ptr<const RoutePolicy>(std::move(policy));
}

}  // namespace weir::proxy
