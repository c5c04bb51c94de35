// SPDX-License-Identifier: Apache-2.0
//
// Backend: a named set of servers with a balancing policy, and the queue of requests that wait
// because every server is at its limit.  Backup servers are asked only when no other can take one.
#pragma once

#include <weir/balancer.h>

#include "base/list.h"
#include "config/config.h"
#include "upstream/server.h"

#include <memory>
#include <span>
#include <vector>

namespace weir::upstream {

/// A request that waits for a free server.
class Waiter : public Hook {
 public:
  /// A server may be free: try again.  The waiter is no longer linked.
  virtual void on_slot() = 0;

 protected:
  ~Waiter() = default;
};

/// What `choose` found.
struct Chosen {
  Server* server = nullptr;  ///< a slot has been taken; give it back with `release`
  bool all_busy = false;     ///< none now, but one that is at its limit may become free
};

class Backend {
 public:
  /// `workers` share the idle connections that the configuration allows.
  Backend(const net::Context& context, shm::InFlight& in_flight, const config::Backend& config,
          std::uint32_t workers, std::uint64_t seed);

  const config::Backend& config() const { return config_; }
  std::span<const std::unique_ptr<Server>> servers() const { return servers_; }

  /// Picks a server that is not among `tried` and takes a slot of it.
  Chosen choose(std::span<Server* const> tried);

  /// Queues a request; false if the queue is full.
  bool wait(Waiter& waiter);
  void stop_waiting(Waiter& waiter);

  /// Gives a server's slot back and lets waiting requests try.  Returns the other workers to wake.
  std::uint64_t release(Server& server);

  /// Lets as many waiting requests try as there were at the start.
  void serve_queue();

 private:
  /// A part of the servers, primary or backup, as a balancer sees it.
  class Part final : public ServerSet {
   public:
    std::uint32_t size() const override { return static_cast<std::uint32_t>(servers.size()); }
    std::uint32_t weight(std::uint32_t i) const override { return servers[i]->config().weight; }
    bool is_usable(std::uint32_t i) const override;
    std::uint32_t in_flight(std::uint32_t i) const override { return servers[i]->in_flight(); }

    std::vector<Server*> servers;
    std::span<Server* const> tried;
    std::unique_ptr<Balancer> balancer;
  };

  Server* choose_from(Part& part, std::span<Server* const> tried);
  void want_slots(bool wanted);

  const config::Backend& config_;
  std::vector<std::unique_ptr<Server>> servers_;
  Part primary_, backup_;
  List<Waiter> queue_;
  std::uint32_t queued_ = 0;
};

}  // namespace weir::upstream
