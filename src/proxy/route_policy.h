// SPDX-License-Identifier: Apache-2.0
//
// RoutePolicy: one route with everything worked out that does not depend on a request: its limits
// (route, backend, listener, defaults: the first that says something wins), its filters, its texts.
// It refers to nothing of the configuration it was made of: a stream keeps it over a reload, and no more.
#pragma once

#include "config/config.h"
#include "config/variables.h"
#include "proxy/filter_chain.h"
#include "upstream/server_side.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace weir::proxy {

/// Time limits towards the client, in microseconds; 0 = none.
struct ClientTimeouts {
  std::uint64_t handshake, header, body, send, idle, request, tunnel;
};

struct RoutePolicy {
  static Result<std::shared_ptr<const RoutePolicy>> build(const config::Config& config,
                                                          const config::Listener& listener,
                                                          const config::Route& route,
                                                          FilterFactories& factories);

  config::Route route;
  std::string file;                      ///< in which it is written
  std::uint32_t backend = 0;             ///< number of the backend it forwards to
  std::vector<std::uint32_t> fallbacks;  ///< numbers of those that take over, in order
  std::uint32_t listener = 0;            ///< number of the listener whose readiness it tells
  ClientTimeouts client;
  upstream::ServerTimeouts server;
  std::uint64_t filter = 0;  ///< microseconds that a filter may wait for something; 0 = for ever
  std::uint64_t queue = 0;   ///< microseconds to wait for a server; 0 = for ever
  std::optional<std::uint64_t> max_body;  ///< bytes
  bool early_data = false;                ///< requests that may be replays are taken
  config::ClientClose client_close = config::ClientClose::Abort;
  bool allows_connect = false;  ///< see below
  config::PathCheck path_check = config::PathCheck::On;
  config::Retry retry;
  FilterChain filters;
  config::Template text;  ///< of `respond` and `redirect`

  /// The streams that are on their way by it, and itself if it is of a former configuration and lives
  /// for them alone.  The loop's thread only.
  mutable std::uint32_t pins = 0;
  mutable std::shared_ptr<const RoutePolicy> itself;
};

/// A stream's hold on its policy, whatever a reload does to the rules it came from.  Unlike with a
/// shared_ptr, which every request would pay for, it costs something at a reload only: whoever puts rules
/// away calls Rules::keep_pinned.
class PolicyPin {
 public:
  PolicyPin() = default;
  explicit PolicyPin(const RoutePolicy& policy) : policy_(&policy) { ++policy.pins; }
  PolicyPin(PolicyPin&& other) noexcept : policy_(std::exchange(other.policy_, nullptr)) {}
  PolicyPin& operator=(PolicyPin&& other) noexcept {
    std::swap(policy_, other.policy_);
    return *this;
  }
  ~PolicyPin() {
    if (policy_ && --policy_->pins == 0 && policy_->itself)
      std::exchange(policy_->itself, nullptr).reset();
  }
  explicit operator bool() const { return policy_ != nullptr; }
  const RoutePolicy* operator->() const { return policy_; }
  const RoutePolicy& operator*() const { return *policy_; }

 private:
  const RoutePolicy* policy_ = nullptr;
};

/// Whether CONNECT may take that route, which otherwise is answered with 405: one of its matchers names that
/// method, or it closes the connection.
bool allows_connect(const config::Route& route);
/// Whether requests that may be replays take it; they are answered with 425 otherwise.
bool takes_early_data(const config::Route& route);
/// The bytes that the body of a request there may have; nothing: any number.
std::optional<std::uint64_t> max_body(const config::Config& config,
                                      const config::Listener& listener, const config::Route& route);
/// What is done there about paths with more than one reading.
config::PathCheck path_check(const config::Listener& listener, const config::Route& route);

/// The client limits that hold before a route is known.
ClientTimeouts client_timeouts(const config::Listener& listener);

}  // namespace weir::proxy
