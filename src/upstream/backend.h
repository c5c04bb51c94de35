// SPDX-License-Identifier: Apache-2.0
//
// Backend: a named set of servers with a balancing policy, and the queue of requests that wait
// because every server is at its limit or none is known to be up yet.
//
// Servers come and go and change by what control publishes (`apply`).  Balancers choose among those that
// may be used now; they are told of a change at the next request.  Backup servers are asked only when no
// other can take one; a half-open server gets exactly one request; below the share that `panic` names,
// all servers are used that nobody has taken out by hand.
#pragma once

#include <weir/balancer.h>

#include "base/list.h"
#include "config/config.h"
#include "event/loop.h"
#include "tls/client_context.h"
#include "upstream/answer_limits.h"
#include "upstream/balancers.h"
#include "upstream/server.h"
#include "upstream/server_group.h"
#include "upstream/standing.h"

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

namespace weir::upstream {

/// What a backend's part of the configuration says, without its servers, which come and go.
struct BackendPolicy {
  config::Backend config;
  std::shared_ptr<const tls::ClientContext> tls;  ///< null = in the clear
  AnswerLimits limits{};
  /// Of requests that no route forwards.
  ServerTimeouts timeouts{};
  /// What its `balance` statement became.
  std::shared_ptr<const BalancerFactory> balancers = default_balancers();
};

/// The TLS context of a backend that has a `tls` block.
Result<std::shared_ptr<const tls::ClientContext>> make_tls(const config::Backend& backend);

/// A text that names how its servers are spoken to: equal texts, equal connections and TLS contexts.
std::string terms_of(const config::Backend& backend);

/// All but the TLS context and the balancers.
BackendPolicy policy_of(const config::Config& config, const config::Backend& backend);

/// A request that waits for a free server.
class Waiter : public Hook {
 public:
  /// A server may be free: call `choose` with Turn::Ours, and `wait` again if there is none.  Called from the
  /// event loop, never from inside a call of this room.  The waiter is no longer linked.
  virtual void on_slot() = 0;

 protected:
  ~Waiter() = default;
};

/// What `choose` found.
struct Chosen {
  Server* server = nullptr;  ///< a slot has been taken; give it back with `release`
  bool all_busy = false;     ///< none now, but one is at its limit or about to be known
  bool probe = false;        ///< the server is half-open and this is its one request
};

/// What a balancer may know of a request.
struct Asker {
  StreamView* stream = nullptr;  ///< null: it has none
  RequestClass kind = RequestClass::Exchange;
};

/// Who asks for a server while the queue is being served.
enum class Turn : std::uint8_t {
  BehindQueue,  ///< a request that has not waited: free slots belong to those that have, so it is told to `wait`
  Ours,  ///< a waiter that was called, or a request that does not want to wait
};

class Backend final : private event::TaskEvents {
 public:
  Backend(const net::Context& context, const Sharing& sharing, BackendPolicy policy,
          std::uint64_t seed);
  ~Backend();

  const BackendPolicy& policy() const { return policy_; }

  /// Another policy from now on; servers, connections and waiting requests stay, and so do balancers of
  /// which nothing else is said now.
  void configure(const BackendPolicy& policy);

  /// It is of no configuration any more: those who wait, or try again, have the servers that it has now until
  /// the last of them is done.  `configure` takes that back.
  void leave();

  /// What control says of a server of this backend; a slot that was another's is taken over.
  void apply(std::uint32_t slot, const shm::ServerRow& row);
  /// The slot is not this backend's any more.
  void forget(std::uint32_t slot);

  /// Its policy looks at more of a request than that there is one: Asker::stream.
  bool looks_at_requests() const { return hash_text_ || needs_.stream; }

  /// Picks a server that is not among `tried` and takes a slot of it.
  Chosen choose(std::span<Server* const> tried, Turn turn = Turn::BehindQueue,
                const Asker& asker = {});

  /// A server that is in use, and not among `tried`, has room for a request.
  bool can_take(std::span<Server* const> tried);

  /// Queues a request; false if the queue is full.
  bool wait(Waiter& waiter);
  void stop_waiting(Waiter& waiter);

  /// Gives a server's slot back and has the queue served.  Returns the other workers to wake.
  std::uint64_t release(Server& server);
  /// The same at the end of a try, of which the policy hears if it wants to.
  std::uint64_t release(Server& server, const AttemptOutcome& outcome);

  /// Closes idle connections to its servers, at most so many; returns how many.
  std::size_t shed_idle(std::size_t most);

  /// Calls the waiters, each once and in order, from the event loop: after the events of this iteration, and for
  /// `waking_us` of each iteration.  Calling them from here would recurse: a waiter whose connect fails
  /// at once gives its slot back, which serves the queue.
  void serve_queue();

  /// Microseconds of an iteration that are spent on waiters; the waiter under way is finished.
  static constexpr std::uint64_t waking_us = 125;

 private:
  void on_task() noexcept override;
  bool has_server_for_waiter() const;
  void rebuild();
  template <typename More>
  void freeze(More more);
  void begin_groups();
  void end_groups();
  bool must_panic() const;
  void take_needs(const BalancerFactory& balancers);
  Pick pick_for(std::span<Server* const> tried, const Asker& asker);
  Server* take(Step step, std::span<Server* const> tried, const Pick& pick);
  Server* choose_half_open(std::span<Server* const> tried);
  bool may_become_free(std::span<Server* const> tried) const;
  void want_slots(bool wanted);
  void publish_queue();

  const net::Context& context_;
  const Sharing& sharing_;
  BackendPolicy policy_;
  std::vector<Server*> servers_;  ///< owned; a retired one ends by itself
  std::unordered_map<std::uint32_t, Server*> by_slot_;
  BalancerFactory::Needs needs_;
  std::unique_ptr<const Text> hash_text_;  ///< null: no hash is wanted
  ServerGroup primary_, backup_;
  std::vector<std::uint64_t> tried_;  ///< what a Pick refers to
  std::vector<Server*> half_open_;
  List<Waiter> queue_;
  event::Task wake_;
  std::uint32_t queued_ = 0;
  std::uint32_t to_wake_ = 0;  ///< waiters still to be called since the queue was last to be served
  std::uint32_t starting_ = 0;  ///< servers nothing is known of yet
  std::uint64_t seed_;
  bool left_ = false;  ///< the groups stay as they are, but for servers that go
  bool stale_ = true;  ///< the groups do not show what the servers are now
};

}  // namespace weir::upstream
