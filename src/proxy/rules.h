// SPDX-License-Identifier: Apache-2.0
//
// Rules: what a listener of the configuration does with requests, ready for use: its limits, its routes
// compiled, the policy of each.  Immutable.  A reload that leaves a listener as it is takes its Rules
// over instead of making them again.
#pragma once

#include "config/config.h"
#include "http/h1_parser.h"
#include "proxy/route_policy.h"
#include "proxy/route_table.h"
#include "tls/server_context.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace weir::proxy {

class Rules {
 public:
  /// Compiles the routes; errors name their place.  `key`: see there.  `before`: what this listener's TLS was
  /// made of, to take over what is the same; may be null.
  static Result<std::shared_ptr<const Rules>> build(const config::Config& config,
                                                    const config::Listener& listener,
                                                    std::uint64_t key, FilterFactories& factories,
                                                    const shm::TicketKeys* tickets = nullptr,
                                                    const Rules* before = nullptr);

  /// Names all that `build` looks at, places included: equal keys, equal rules.
  static std::uint64_t key(const config::Config& config, const config::Listener& listener);

  const config::ListenerTerms& listener() const { return listener_; }
  const http::HeadLimits& limits() const { return limits_; }
  const ClientTimeouts& timeouts() const { return timeouts_; }

  /// Of all its routes, as written.
  const std::vector<std::shared_ptr<const RoutePolicy>>& policies() const { return policies_; }

  /// How to speak TLS on addresses that are bound with it; null if there is none.
  const std::shared_ptr<const tls::ServerContext>& tls() const { return tls_; }

  /// What holds for answers that no route gives (400, 404, 408 ...): the listener's own policies.  Null if it
  /// has none.
  const RoutePolicy* unrouted() const { return unrouted_.get(); }

  /// What becomes of a request.
  struct Match {
    const RoutePolicy* policy = nullptr;          ///< of the route it takes; null if there is none
    http::Failure failure = http::Failure::None;  ///< why it is refused, with or without a policy
  };
  /// The policy of the route that a request takes; see RouteTable::decide.
  Match match(const RequestHead& request, const Peer& peer, Arena& arena) const {
    const Decision decision = table_->decide(request, peer, arena);
    if (!decision.route && decision.failure == http::Failure::None)
      return {nullptr, http::Failure::NoRoute};
    return {decision.route ? policies_[decision.position].get() : nullptr, decision.failure};
  }

  /// No new request comes here: policies that are pinned live until they are not.  The loop's thread.
  void keep_pinned() const {
    for (const auto& policy : policies_)
      if (policy->pins > 0) policy->itself = policy;
    if (unrouted_ && unrouted_->pins > 0) unrouted_->itself = unrouted_;
  }

 private:
  friend struct Snapshot;

  config::ListenerTerms listener_;
  http::HeadLimits limits_;
  ClientTimeouts timeouts_;
  std::vector<std::shared_ptr<const RoutePolicy>> policies_;
  std::shared_ptr<const RoutePolicy> unrouted_;
  std::unique_ptr<const RouteTable> table_;
  std::shared_ptr<const tls::ServerContext> tls_;
  std::uint64_t key_ = 0;
};

}  // namespace weir::proxy
