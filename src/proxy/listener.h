// SPDX-License-Identifier: Apache-2.0
//
// Listener: what this worker does with clients of one `listener` of the configuration: it accepts on
// the socket slots assigned to it, starts Sessions, and holds the compiled routes they look up.
#pragma once

#include "event/deadline.h"
#include "event/watch.h"
#include "http/h1_parser.h"
#include "proxy/context.h"
#include "proxy/route_policy.h"
#include "proxy/route_table.h"
#include "shm/report.h"

#include <memory>
#include <vector>

namespace weir::proxy {

class Session;

class Listener final : private event::DeadlineEvents {
 public:
  /// Compiles the routes; errors name their place.
  static Result<std::unique_ptr<Listener>> build(Context& context, const config::Listener& config);
  ~Listener();

  const config::Listener& config() const { return config_; }
  const RouteTable& routes() const { return routes_; }
  const RoutePolicy& policy(const config::Route& route) const {
    return *policies_[static_cast<std::size_t>(&route - config_.routes.data())];
  }
  const http::HeadLimits& limits() const { return limits_; }
  const ClientTimeouts& timeouts() const { return timeouts_; }

  /// Starts to accept on a listening socket (not owned).  `most_clients` bounds this worker's clients.
  void accept_on(int fd, std::uint64_t most_clients);
  /// Stops accepting on it.
  void stop_accepting(int fd);

  /// Closes idle clients and lets the others finish their request; true when none is left.
  bool drain();
  /// Writes down what its clients are doing, from row `at` on; returns the row behind the last.
  std::uint32_t describe(shm::Report& report, std::uint32_t at);
  std::size_t sessions() const { return session_count_; }

 private:
  friend class Session;
  struct Socket;

  Listener(Context& context, const config::Listener& config, RouteTable routes);
  void accept_from(Socket& socket);
  void start_session(int fd, const net::Address& peer);
  void pause_accepting();
  void on_deadline() noexcept override;

  Context& context_;
  const config::Listener& config_;
  RouteTable routes_;
  std::vector<std::unique_ptr<RoutePolicy>> policies_;
  http::HeadLimits limits_;
  ClientTimeouts timeouts_;
  std::vector<std::unique_ptr<Socket>> sockets_;
  List<Session> all_;
  std::size_t session_count_ = 0;
  std::uint64_t most_clients_ = 0;
  event::Deadline retry_;
  bool paused_ = false;
};

}  // namespace weir::proxy
