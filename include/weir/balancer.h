// SPDX-License-Identifier: Apache-2.0
//
// Balancer: the policy that picks one server out of many.  A BalancerKind is what a module (or weir
// itself) registers: the word behind `balance` in weir.conf, and the function that turns such a
// statement into a factory.  The factory is immutable; each worker makes a Balancer for each set of
// servers of a backend: those that are asked first, and the backups.
//
// A balancer lives as long as its backend and its statement do: servers that come, go or change are
// told by `on_change`, and what it has counted stays.  State that all workers are to see lies in words of
// shared memory.  It knows servers only through ServerSet, so it can be tested without a network and
// knows nothing of checks, limits or connections.
#pragma once

#include <weir/filter.h>
#include <weir/result.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir {

/// Words that all workers share, for a policy's own use: zero at first, to be changed by one atomic operation
/// each.  Whatever stands in them must be borne, however strange: another worker may have been taken
/// over, or may still follow the statement that a reload has just replaced.
using SharedWords = std::span<std::atomic<std::uint64_t>, 4>;

/// The servers a balancer chooses from, by their position: first those that take requests, 0 to size() - 1,
/// then those that take none now (down, draining, on trial, of weight 0), size() to known() - 1.  Positions and
/// everything that is not said to be of this moment stay as they are until the next `on_change`.
class ServerSet {
 public:
  virtual ~ServerSet() = default;
  virtual std::uint32_t size() const = 0;
  /// For policies that must not give a server's share to others in another way each time it fails.
  virtual std::uint32_t known() const = 0;

  /// The same for as long as the server is called the same: over reloads, restarts, in every worker and in every
  /// weir.  Two servers of a backend never have the same one (but for a collision of 64 bits).
  virtual std::uint64_t identity(std::uint32_t server) const = 0;
  /// Its name in weir.conf.
  virtual std::string_view name(std::uint32_t server) const = 0;
  /// Where it is, as text; several addresses with commas between them.
  virtual std::string_view address(std::uint32_t server) const = 0;
  /// Where it stands; empty if nothing is said of that.
  virtual std::string_view zone(std::uint32_t server) const = 0;
  /// 0 = those that are asked first; 1 = backups.
  virtual std::uint32_t tier(std::uint32_t server) const = 0;
  /// Its share of requests relative to the others', at most 1,000,000; a server of weight 0 is never chosen.
  virtual std::uint32_t weight(std::uint32_t server) const = 0;

  /// At this moment: it may be given one more request: below size(), under its limit, not tried before.
  virtual bool is_usable(std::uint32_t server) const = 0;
  /// At this moment: requests in flight at it, over all workers.
  virtual std::uint32_t in_flight(std::uint32_t server) const = 0;
  /// At this moment: the moving average of the times to the first byte of its answers, over all workers, in
  /// microseconds; 0 = none has come, or no policy of its backend has asked for it (Needs::latency).
  virtual std::uint32_t latency_us(std::uint32_t server) const = 0;

  /// The policy's words about a server; they stay while the server does, wherever it stands in the set.
  virtual SharedWords words(std::uint32_t server) const = 0;
  /// The policy's words about the set as a whole; those of the backups are others.
  virtual SharedWords words() const = 0;
};

/// What a request is to the server that gets it.
enum class RequestClass : std::uint8_t {
  Exchange,  ///< one request and one answer
  Tunnel     ///< it asks for another protocol (CONNECT, WebSocket) and may stay for hours
};

/// The request that a server is to be chosen for.
struct Pick {
  /// Of what Needs::hash_of comes to; nothing if no hash is wanted, that text is empty, or there is no stream.
  std::optional<std::uint64_t> hash;
  /// The identities of servers that it has been tried at; they are not usable.
  std::span<const std::uint64_t> tried;
  RequestClass kind = RequestClass::Exchange;
  StreamView* stream = nullptr;  ///< null: the request has none
  std::uint64_t now_us = 0;      ///< monotonic clock
};

/// How a try at a server went.
struct AttemptOutcome {
  bool connected = false;    ///< there was a connection, a new or a kept one
  std::uint16_t status = 0;  ///< of the answer; 0 = its head has not come
  /// What counts against the server, as logs call it: "connect_refused"; empty = nothing.
  std::string_view failure;
  /// From the choice to the head of the answer; 0 = it has not come.
  std::uint64_t first_byte_us = 0;
  std::uint64_t total_us = 0;  ///< from the choice to the end
  std::uint64_t now_us = 0;    ///< monotonic clock
};

/// All on the thread of the worker's loop; nothing may block, or allocate in `choose` and `on_outcome`.
class Balancer {
 public:
  virtual ~Balancer() = default;
  /// What follows holds for this set; called before the first choice, and whenever servers or what is said of them
  /// have changed (also without a change that matters here).
  virtual void on_change(const ServerSet&) {}
  /// The position of the server for this request, or nothing if none is usable.  May be asked again for the same
  /// request if the last free place at that server is taken by another worker at this instant.
  virtual std::optional<std::uint32_t> choose(const ServerSet& servers, const Pick& pick) = 0;
  /// A try at that server has ended, in this worker; only with Needs::outcomes.  Not for servers that have left
  /// the set meanwhile.
  virtual void on_outcome(const ServerSet&, std::uint32_t /*server*/, const AttemptOutcome&) {}
  /// What speaks for or against that server now, in a few words for an operator; empty = weight and requests in
  /// flight say all.  Changes nothing.  Asked in another process, of a balancer that has chosen nothing yet: it
  /// tells what shared memory knows.  The request is one that somebody asks about, as policies would leave it; `hash` is
  /// missing if the text has variables that only a real request has.
  virtual std::string explain(const ServerSet&, const Pick&, std::uint32_t /*server*/) const {
    return {};
  }
};

/// What one `balance` statement became.
class BalancerFactory {
 public:
  /// What is done for a policy besides asking it; what nobody needs costs nothing.
  struct Needs {
    bool outcomes = false;  ///< Balancer::on_outcome
    bool latency = false;   ///< ServerSet::latency_us
    /// Pick::hash is the hash of this text, in which `$variables` are filled; empty = no hash is wanted.
    std::string_view hash_of;
    bool stream = false;  ///< Pick::stream
  };
  virtual ~BalancerFactory() = default;
  /// The same whenever it is asked; texts live as long as the factory.
  virtual Needs needs() const { return {}; }
  /// A balancer for one set of servers in one worker.  It may refer to the factory, which outlives it.  `seed`
  /// makes workers start at different places.
  virtual std::unique_ptr<Balancer> make(std::uint64_t seed) const = 0;
};

/// One word of weir.conf that makes a balancer: `balance WORD [VALUE ...]`.
struct BalancerKind {
  const char* word;
  const char* help;  ///< one line
  /// Errc::Invalid, in words for the operator, if the values are none that it takes.
  Result<std::unique_ptr<BalancerFactory>> (*make)(const Statement&);
};

/// The kind with that word, of weir or of a module, or null; for policies that leave a choice to another.
const BalancerKind* find_balancer(std::string_view word);

}  // namespace weir
