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

}  // namespace

bool allows_connect(const config::Route& route) {
  const auto& matchers = route.matchers;
  return route.action.kind == config::Act::Close ||
         std::any_of(matchers.begin(), matchers.end(), [](const config::Matcher& matcher) {
           return matcher.kind == config::Match::Method && !matcher.negated &&
                  matcher.value == "CONNECT";
         });
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
  static const Limits nothing;
  bool forwards = route.action.kind == config::Act::Forward;
  const Limits& backend = forwards ? config.backends[route.action.backend].limits : nothing;
  if (route.action.kind == config::Act::Ready)
    policy->listener = config.listeners[route.action.listener].number;
  if (forwards) policy->backend = config.backends[route.action.backend].number;
  const Limits& last = config::default_limits();
  policy->client = client_limits(route.limits, backend, listener.limits, last);
  auto of = [&](auto member) {
    return config::microseconds(config::pick(member, route.limits, backend, listener.limits, last));
  };
  policy->server = {of(&Limits::connect),     of(&Limits::first_byte),  of(&Limits::read),
                    of(&Limits::server_idle), of(&Limits::server_send), of(&Limits::ping)};
  policy->filter = of(&Limits::filter);
  policy->queue = of(&Limits::queue);
  policy->max_body = config::pick(&Limits::max_body, route.limits, backend, listener.limits, last);
  policy->early_data = route.limits.early_data.value_or(false);
  policy->client_close = config::pick(&Limits::client_close, route.limits, listener.limits, last);
  policy->allows_connect = proxy::allows_connect(route);
  policy->path_check = config::pick(&Limits::path_check, route.limits, listener.limits, last);
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
