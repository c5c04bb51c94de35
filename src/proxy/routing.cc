// SPDX-License-Identifier: Apache-2.0
#include "proxy/routing.h"

#include "http/fingerprint.h"
#include "http/path_readings.h"
#include "proxy/client_side.h"
#include "proxy/sender.h"
#include "proxy/stream_state.h"

#include <utility>

namespace weir::proxy {

namespace {

constexpr std::uint8_t most_reroutes = 5;

}  // namespace

http::Failure check_path(RequestHead& request, std::string_view entered, config::PathCheck check,
                         Arena& arena) {
  const std::string_view now = request.forward_path;
  if (now.data() == entered.data() && now.size() == entered.size()) return http::Failure::None;
  const auto path = http::read_path(now, arena);
  if (!path) return http::Failure::RequestTarget;
  request.forward_path = path->forwarded;
  if (check == config::PathCheck::Off) return http::Failure::None;
  switch (http::find_hidden(*path, arena)) {
    case http::Hidden::Nothing: return http::Failure::None;
    case http::Hidden::Control: return http::Failure::RequestTarget;
    default: return http::Failure::AmbiguousPath;
  }
}

http::Failure Routing::admit() {
  identify();
  if (state_.request->protocol != Protocol::Http2 &&
      !state_.client.listener().rules().listener().http1)
    return http::Failure::RequestVersion;
  if (is_quarantined()) return http::Failure::Quarantined;
  if (is_misdirected()) return http::Failure::RequestMisdirected;
  return http::Failure::None;
}

// Runs before routes are matched: matchers and filters see the fields that the server will get, and filters may still
// change them.
void Routing::identify() {
  Record& record = state_.record;
  const Sender sender =
      proxy::identify(*state_.request, state_.arena, state_.context.snapshot->trusted_proxies,
                      {state_.client.peer(), record.client_addr, record.scheme});
  if (!sender.by) return;
  record.scheme = sender.scheme;
  record.host = sender.host;
  if (sender.text.empty()) return;
  net::Address& named = state_.arena.array<net::Address>(1)[0];
  named = sender.address;
  state_.sender = &named;
  record.client_addr = sender.text;
  record.client_port = 0;
}

// Clients use one HTTP/2 connection for all names of its certificate, and some for more than that.
bool Routing::is_misdirected() const {
  const bool may_share = state_.request->protocol == Protocol::Http2;
  const tls::Transport* tls = may_share ? state_.client.tls() : nullptr;
  return tls && !tls->context()->serves_both(tls->server_name(), state_.request->host);
}

bool Routing::is_quarantined() const {
  const RequestHead* const request = state_.record.request;
  if (!request || !state_.context.quarantine.is_used()) return false;
  const std::uint64_t print = http::fingerprint(request->received, state_.record.listener->name);
  return state_.context.quarantine.holds(print, state_.context.net.loop.now());
}

http::Failure Routing::take() {
  const auto [policy, failure] = state_.client.listener().rules().match(
      *state_.request, {*state_.sender, state_.client.tls()}, state_.arena);
  state_.record.route = policy ? &policy->route : nullptr;
  if (state_.policy) former_.push_back(std::move(state_.policy));
  if (policy) {
    state_.policy = PolicyPin(*policy);
    state_.client.set_timeouts(policy->client);
  }
  if (state_.request->method == Method::Connect && !(policy && policy->allows_connect))
    return http::Failure::MethodNotAllowed;
  if (failure != http::Failure::None) return failure;
  const TrustedProxies& trusted = state_.context.snapshot->trusted_proxies;
  if (!policy->early_data && is_early(*state_.request, trusted, state_.client.peer()))
    return http::Failure::EarlyData;
  return http::Failure::None;
}

void Routing::enter() { entered_path_ = state_.request->forward_path; }

http::Failure Routing::check_path() {
  return proxy::check_path(*state_.request, entered_path_, state_.policy->path_check, state_.arena);
}

bool Routing::may_begin_again() {
  if (++again_ > most_reroutes) return false;
  RequestHead& request = *state_.request;
  if (const auto path = http::read_path(request.forward_path, state_.arena)) {
    request.path = path->plain;
    request.has_path_readings = path->has_readings;
  }
  return true;
}

bool Routing::take_unrouted() {
  const RoutePolicy* const unrouted = state_.client.listener().rules().unrouted();
  if (unrouted) state_.policy = PolicyPin(*unrouted);
  return unrouted != nullptr;
}

}  // namespace weir::proxy
