// SPDX-License-Identifier: Apache-2.0
//
// The master: binds, opens log files, starts the other processes and replaces what dies.  The only one
// that stays root.  It touches no peer's bytes and parses no configuration: the loader tells it the
// little it must know (process/plan.h).  It owns every listening socket for ever.
#pragma once

#include "process/crew.h"
#include "process/daemon.h"
#include "process/handover.h"
#include "process/kernel.h"
#include "process/log_port.h"
#include "process/notify.h"
#include "process/reload.h"
#include "process/start.h"
#include "process/supervision.h"
#include "process/takeover.h"
#include "process/upgrade.h"
#include "shm/drain.h"
#include "shm/in_flight.h"
#include "shm/queues.h"
#include "shm/server_table.h"
#include "shm/shared_connections.h"
#include "shm/slot_table.h"

#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace weir::process {

struct MasterOptions {
  std::string path;  ///< of the configuration
  bool daemonize = false;
};

/// Runs weir until it is told to stop.  Returns the exit status; 1 if it could not start.
int run_master(const MasterOptions& options);

class Master final : private ReloadHost, private UpgradeHost, private TakeoverHost {
 public:
  /// `kernel` and `daemon` must outlive this.  `last`: the highest number that a generation ever had.
  Master(Kernel& kernel, Assets assets, Daemon& daemon, const std::string& path, std::uint64_t last)
      : kernel_(kernel),
        assets_(std::move(assets)),
        daemon_(daemon),
        path_(path),
        reload_(*this, assets_, path, last),
        upgrade_(*this, own_binary()),
        slots_(*assets_.segment),
        in_flight_(*assets_.segment, 0),
        shared_connections_(*assets_.segment, 0),
        queues_(*assets_.segment, 0),
        servers_(*assets_.segment),
        drain_(*assets_.segment),
        supervision_(*assets_.segment, kernel, assets_.plan.stall_ms * 1000) {}

  /// With nobody there yet.
  int run_first();
  /// In the place of another binary's master.
  int run_next(Handover& given, Fd text, std::vector<Fd> kept);
  /// In the place of the next binary's master, which could not do it.
  int run_again(Handover& given, const std::string& why);
  void want_reload() { reload_wanted_ = true; }

 private:
  enum class Phase { Starting, TakingOver, Running, Leaving, Draining, Stopping };

  void begin();
  int run();
  void take_signals();
  void start_child(Child& child) override;
  void take_message(Child& child);
  void take_order(Child& child, net::Message& message);
  void became_ready(Child& child);
  void reap();
  void buried(Child& child, int status);
  void forget_worker(std::uint32_t index);
  std::uint64_t hold_back(Child& child);
  void have_started();
  void on_taken_over() override;
  void assign_slots();
  void wake_workers();
  void leave(std::uint64_t limit_ms);
  void drain();
  void stop_workers();
  void stop_rest();
  void reopen_logs();
  void start_workers();
  void send_logs();
  void fit_staff();
  void dismiss(Child& child);
  void dismiss_strangers();
  void retire(Child& child);
  std::list<Child>& children() override { return crew_.all(); }
  Kernel& kernel() override { return kernel_; }
  void on_committed() override;
  void replace(Child& child, std::string_view why) override;
  void on_reloading(bool begun) override;
  Given given() override;
  std::string why_not() const override;
  bool has_room() const override;
  Child* control() override;
  void run_timers();
  int next_timeout() const;

  Kernel& kernel_;
  Assets assets_;
  Daemon& daemon_;
  std::string path_;
  Reload reload_;
  Upgrade upgrade_;
  std::optional<Takeover> takeover_;
  shm::SlotTable slots_;
  shm::InFlight in_flight_;
  shm::SharedConnections shared_connections_;
  shm::Queues queues_;
  shm::ServerTable servers_;
  shm::Drain drain_;
  Supervision supervision_;
  Notify notify_;
  std::unique_ptr<LogPort> log_port_;
  Crew crew_;
  Phase phase_ = Phase::Starting;
  std::uint64_t deadline_us_ = 0;  ///< of leaving, draining or stopping; 0 = none
  std::uint64_t limit_ms_ = 0;     ///< of draining, once it begins; 0 = none
  bool reload_wanted_ = false;     ///< a signal asked for it, and it has not begun
  int status_ = 0;
};

}  // namespace weir::process
