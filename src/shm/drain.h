// SPDX-License-Identifier: Apache-2.0
//
// Drain: how far the instance and each listener have left the pool.  Control decides, once for all, and
// writes an order for each scope: scope 0 is the instance, scope n + 1 is listener n.  The master has a word
// of its own, for the end of everything.  Each worker says how far it has followed, and how many clients are
// left with it.  Deadlines are moments of the monotonic clock, which is the same for all processes: a
// successor of control goes on where that died.
//
//   Serving ─ drain ─► Leaving ─ drain_delay ─► Draining ─ few are left, or the time is up ─► Drained
//      ▲                  │                         │                                            │
//      └──────────────────┴──────── undrain ────────┴────────────────────────────────────────────┘
#pragma once

#include "shm/segment.h"
#include "shm/two_copies.h"

#include <algorithm>
#include <atomic>
#include <cstdint>

namespace weir::shm {

enum class DrainPhase : std::uint32_t {
  Serving,
  Leaving,   ///< readiness says no, everything is still served
  Draining,  ///< no new clients; those that are there end with their request
  Drained    ///< nobody is left
};

/// What control has decided about a scope.
struct DrainOrder {
  DrainPhase phase = DrainPhase::Serving;
  std::uint32_t most_left = 0;     ///< done when no more connections than this have a request
  std::uint64_t generation = 0;    ///< of the change that began this phase
  std::uint64_t ends_us = 0;       ///< monotonic; when the phase ends at the latest; 0 = never
  std::uint64_t limit_us = 0;      ///< how long Draining may last
  std::int64_t since_wall_us = 0;  ///< when the phase began
  std::int64_t ends_wall_us = 0;   ///< `ends_us` by the wall clock, for people
  char by[48] = {};                ///< who asked for it
};

/// Clients of a listener at one worker.
struct ClientsLeft {
  std::uint32_t idle = 0;  ///< between two requests
  std::uint32_t busy = 0;  ///< with a request, or a tunnel
};

class Drain {
 public:
  static constexpr std::uint32_t instance = 0;
  static constexpr std::uint32_t of_listener(std::uint32_t number) { return number + 1; }

  explicit Drain(const Segment& segment)
      : listeners_(segment.layout().listeners),
        head_(reinterpret_cast<Head*>(segment.region("drain").data())),
        orders_(reinterpret_cast<TwoCopies<DrainOrder>*>(head_ + 1)),
        left_(reinterpret_cast<Left*>(orders_ + scopes())) {}

  static std::size_t bytes(const Layout& layout) {
    return sizeof(Head) + sizeof(TwoCopies<DrainOrder>) * (layout.listeners + 1) +
           sizeof(Left) * layout.listeners * layout.workers;
  }

  std::uint32_t scopes() const { return listeners_ + 1; }
  DrainOrder order(std::uint32_t scope) const { return orders_[scope].read(); }
  /// The phase that holds for a listener: its own, the instance's or that of the end, whichever is furthest.
  DrainPhase phase(std::uint32_t listener) const {
    return std::max({order(of_listener(listener)).phase, order(instance).phase, ending()});
  }

  // Control.

  /// Orders that were given so far.
  std::uint64_t generation() const { return head_->generation.load(std::memory_order_acquire); }
  /// Gives an order, whose generation is filled in here; workers have to be woken then.
  std::uint64_t give(std::uint32_t scope, DrainOrder order) {
    order.generation = generation() + 1;
    orders_[scope].publish(order);
    head_->generation.store(order.generation, std::memory_order_release);
    return order.generation;
  }
  /// How far a worker has followed; never further than there are orders, unless it is not there (UINT64_MAX).
  std::uint64_t seen(std::uint32_t worker) const {
    const std::uint64_t seen = head_->seen[worker].load(std::memory_order_acquire);
    return seen == UINT64_MAX ? seen : std::min(seen, generation());
  }
  /// True if no client can come to that listener at that worker any more, since that order.
  bool is_shut(std::uint32_t worker, std::uint32_t listener, std::uint64_t generation) const {
    return left(worker, listener).shut.load(std::memory_order_acquire) >= generation;
  }
  ClientsLeft clients(std::uint32_t worker, std::uint32_t listener) const {
    std::uint64_t both = left(worker, listener).clients.load(std::memory_order_acquire);
    return {static_cast<std::uint32_t>(both >> 32), static_cast<std::uint32_t>(both)};
  }

  // Workers.

  void saw(std::uint32_t worker, std::uint64_t generation) {
    head_->seen[worker].store(generation, std::memory_order_release);
  }
  /// The clients first: whoever sees that it is shut sees no fewer than there are.
  void tell(std::uint32_t worker, std::uint32_t listener, ClientsLeft clients, std::uint64_t shut) {
    Left& mine = left(worker, listener);
    mine.clients.store(std::uint64_t{clients.idle} << 32 | clients.busy, std::memory_order_release);
    mine.shut.store(shut, std::memory_order_release);
  }

  // The master.

  /// weir is about to end: Leaving, then Draining.  Nothing takes that back.
  void end(DrainPhase phase) { head_->ending.store(phase, std::memory_order_release); }
  DrainPhase ending() const { return head_->ending.load(std::memory_order_acquire); }
  /// A worker that does not run: nobody waits for it, and its clients have gone.
  void forget_worker(std::uint32_t worker) {
    head_->seen[worker].store(UINT64_MAX);
    for (std::uint32_t i = 0; i < listeners_; ++i) {
      left(worker, i).clients.store(0);
      left(worker, i).shut.store(UINT64_MAX);
    }
  }

 private:
  struct alignas(64) Head {
    std::atomic<std::uint64_t> generation;
    std::atomic<std::uint64_t> seen[most_workers];
    std::atomic<DrainPhase> ending;
  };
  struct Left {
    std::atomic<std::uint64_t> clients;  ///< idle and busy in one word: both of the same moment
    std::atomic<std::uint64_t> shut;     ///< the order since which no client can come
  };

  Left& left(std::uint32_t worker, std::uint32_t listener) const {
    return left_[std::size_t{worker} * listeners_ + listener];
  }

  std::uint32_t listeners_;
  Head* head_;
  TwoCopies<DrainOrder>* orders_;
  Left* left_;
};

}  // namespace weir::shm
