// SPDX-License-Identifier: Apache-2.0
//
// Runtime: a Snapshot at work in one worker: its listeners, its backends, and the worker's answers to what
// comes from outside it: socket slots, servers, reloads, draining.  Listeners and backends live on over
// reloads; `adopt` tells them what has changed.
#pragma once

#include "event/deadline.h"
#include "event/loop.h"
#include "event/watch.h"
#include "net/outbox.h"
#include "process/builder.h"
#include "process/departure.h"
#include "process/log_port.h"
#include "process/orphan.h"
#include "process/setup.h"
#include "process/tallies.h"
#include "proxy/listener.h"
#include "shm/generation.h"
#include "shm/server_table.h"
#include "shm/slot_table.h"

#include <map>
#include <memory>
#include <vector>

namespace weir::process {

class Runtime final : private upstream::NoticeSink,
                      private OrphanHost,
                      private event::ReadyEvents,
                      private event::DeadlineEvents {
 public:
  using Snapshot = std::shared_ptr<const proxy::Snapshot>;

  /// Takes the sockets out of `setup`, which must outlive this, as everything else.
  Runtime(event::Loop& loop, Setup& setup, const shm::Segment& segment, LogPort& log_port,
          Builder& builder);
  ~Runtime();

  /// Watches the slots that are this worker's, and its waker, and serves.
  void start(Snapshot first);

  /// Begins to make the next generation, of `next`'s bundle, plan and new sockets.  `ready` is called when it can be
  /// committed, or could not be made.
  using Ready = std::function<void(std::uint64_t generation, const Result<void>& prepared)>;
  void prepare(Setup next, Ready ready);
  /// It will not come.
  void abandon();

  /// Stops accepting, lets requests end, or closes them at once, with 503 where there is no answer yet; the loop stops when no
  /// client is left.
  void leave(bool at_once);
  /// The master has died: as `leave(false)`, but new clients are served until another master has the sockets (process/orphan.h).
  void outlive_master();

 private:
  using Listeners = std::map<std::uint32_t, std::unique_ptr<proxy::Listener>>;

  void on_ready(event::Ready) noexcept override;
  const char* call_name() const noexcept override { return "changes from control"; }
  void on_deadline() noexcept override;
  void notice(const shm::Notice& notice) override;

  void built(std::uint64_t generation, Result<Snapshot> snapshot);
  void look_for_commit();
  void adopt(Snapshot next);
  void adopt_listeners(const proxy::Snapshot& next);
  void adopt_backends(const proxy::Snapshot& next);
  void adopt_sockets();
  void leave_backends(const proxy::Snapshot& next);
  void apply_settings(const proxy::Snapshot& next);
  void update_slots();
  void update_servers();
  void apply_row(std::uint32_t slot);
  void apply_orphans();
  void report();
  bool has_ended();

  std::vector<const ListeningSocket*> open_sockets() const override;
  void close_taken() override;
  void close_gates() override;
  template <typename Which>
  void close_sockets(const Which& which);

  event::Loop& loop_;
  Setup& setup_;
  Builder& builder_;
  shm::SlotTable slots_;
  shm::ServerTable servers_;
  shm::InFlight in_flight_;
  shm::SharedConnections shared_connections_;
  shm::Outliers outliers_;
  shm::Queues queues_;
  shm::Balancing balancing_;
  shm::Notices notices_;
  shm::Report report_;
  shm::Generation generation_;
  upstream::Sharing sharing_;
  net::Outbox outbox_;
  std::unique_ptr<char[]> read_buffer_;
  net::Context net_;
  std::unique_ptr<proxy::AccessLog> access_log_;
  Tallies tallies_;
  proxy::Context context_;
  Listeners listeners_;                             ///< by number
  Listeners leaving_;                               ///< of former generations, with clients
  std::map<std::string, std::uint32_t> addresses_;  ///< the listener of each address
  struct Slot {
    ListeningSocket socket;
    proxy::Listener* watched_by = nullptr;
  };
  std::vector<Slot> sockets_;
  std::vector<std::uint32_t> slot_owners_;  ///< the backend of each server's slot
  std::uint64_t cursor_ = 0;                ///< changes of servers seen
  event::Watch waker_;
  event::Deadline drain_check_;
  Departure departure_;
  const pid_t master_;
  std::unique_ptr<Orphan> orphan_;  ///< once the master has died
  // Of a reload under way:
  std::uint64_t preparing_ = 0;  ///< generation; 0 = none
  Plan next_plan_;
  Snapshot prepared_;
  Ready prepared_ready_;
};

}  // namespace weir::process
