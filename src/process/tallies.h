// SPDX-License-Identifier: Apache-2.0
//
// Tallies: a worker's counts in shared memory and its end of the log: what is told of every request.
#pragma once

#include "event/loop.h"
#include "process/log_port.h"
#include "process/setup.h"
#include "proxy/context.h"
#include "shm/counters.h"
#include "shm/worker_state.h"

namespace weir::process {

class Tallies final : public proxy::Journal {
 public:
  /// All must outlive this.
  Tallies(event::Loop& loop, const Setup& setup, const shm::Segment& segment, LogPort& log_port);

  /// Writes down how long the loop was busy.
  void note_pace();
  /// The worker finishes what it has, and ends.
  void note_leaving() { state_.set(shm::Count::Leaving, 1); }

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
  void count_attempt(std::uint32_t backend, std::uint32_t slot, bool connected) override;
  void count_abuse(http::H2Abuse kind) override;
  void count_handshake(const tls::Transport& transport) override;
  void count_connection(int change) override;
  void count_http2(int change) override;
  void count_reset(bool by_client) override;
  void set_body_memory(std::uint64_t bytes) override { state_.set(shm::Count::BodyMemory, bytes); }
  void count_body_refusal() override { state_.add(shm::Count::BodyRefusals, 1); }

  event::Loop& loop_;
  const Setup& setup_;
  LogPort& log_port_;
  shm::Counters counters_;
  shm::WorkerState state_;
  std::uint64_t clients_ = 0;
};

}  // namespace weir::process
