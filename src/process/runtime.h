// SPDX-License-Identifier: Apache-2.0
//
// Runtime: a Config become listeners, routes and backends in one worker, and the worker's answers to
// what comes from outside it: socket slots, addresses, free servers, draining.
#pragma once

#include "event/deadline.h"
#include "event/loop.h"
#include "event/watch.h"
#include "net/outbox.h"
#include "process/log_port.h"
#include "process/setup.h"
#include "proxy/listener.h"
#include "shm/counters.h"
#include "shm/server_table.h"
#include "shm/slot_table.h"
#include "shm/worker_state.h"

#include <memory>
#include <vector>

namespace weir::process {

class Runtime final : public proxy::Journal,
                      private upstream::NoticeSink,
                      private event::ReadyEvents,
                      private event::DeadlineEvents {
 public:
  Runtime(event::Loop& loop, const Setup& setup, const shm::Segment& segment,
          const config::Config& config, LogPort& log_port);
  ~Runtime() override;

  /// Compiles everything; errors name their place.
  Result<void> build();

  /// Watches the slots that are this worker's, and its waker.
  void start();

  /// Stops accepting, lets requests end; the loop stops when no client is left.
  void drain();

 private:
  void write_access(std::string_view line) override {
    log_port_.write(shm::LogRing::Kind::Access, line);
  }
  void stage_access(std::string_view line) override {
    log_port_.stage(shm::LogRing::Kind::Access, line);
  }
  void settle_access(bool keep) override { log_port_.settle(keep); }
  void wake(std::uint64_t workers) override;
  void count(const proxy::Record& record) override;
  void count_attempt(std::uint32_t slot, bool connected) override;
  void count_connection(int change) override;

  void on_ready(event::Ready) noexcept override;
  const char* call_name() const noexcept override { return "changes of servers"; }
  void on_deadline() noexcept override;
  void update_slots();
  void notice(const shm::Notice& notice) override;
  void update_servers();
  void note_pace();
  void report();
  void apply_row(std::uint32_t slot);
  void count_for(shm::Of kind, std::uint32_t at, const proxy::Record& record);

  event::Loop& loop_;
  const Setup& setup_;
  const config::Config& config_;
  LogPort& log_port_;
  shm::SlotTable slots_;
  shm::ServerTable servers_;
  shm::InFlight in_flight_;
  shm::Outliers outliers_;
  shm::Notices notices_;
  shm::Counters counters_;
  shm::WorkerState state_;
  shm::Report report_;
  upstream::Sharing sharing_;
  net::Outbox outbox_;
  std::unique_ptr<char[]> read_buffer_;
  net::Context net_;
  std::vector<std::unique_ptr<upstream::Backend>> backends_;
  std::unique_ptr<proxy::AccessLog> access_log_;
  proxy::Context context_;
  std::vector<std::unique_ptr<proxy::Listener>> listeners_;
  std::vector<bool> watched_;                    ///< by socket
  std::vector<upstream::Backend*> numbered_;     ///< by number; null = unknown here
  std::vector<upstream::Backend*> slot_owners_;  ///< whose server has each slot, or null
  std::uint64_t cursor_ = 0;                     ///< changes of servers seen
  event::Watch waker_;
  event::Deadline drain_check_;
};

}  // namespace weir::process
