// SPDX-License-Identifier: Apache-2.0
//
// StateFiles: control's end of the two state files: read at a start, written through the writer's ring.
#pragma once

#include "admin/state_log.h"
#include "process/log_port.h"
#include "process/setup.h"
#include "shm/log_ring.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::process {

class StateFiles final : public admin::RecordSink {
 public:
  /// All must outlive this.  The descriptors are those of `setup`, as it is at the time.
  StateFiles(const Setup& setup, const shm::Segment& segment, LogPort& log_port);

  /// There are state files; without any, what is written is gone.
  bool are_there() const { return setup_.state.size() == 2; }

  /// What they hold, with what a former control has handed over that the writer may not have written yet.
  /// Before the lockdown.
  void read();
  const std::string (&texts() const)[2] { return texts_; }

  /// The position behind the last record that was handed over, and how far the disk is, for which the
  /// first is to be compared; UINT64_MAX if there are no files.
  std::uint64_t written() const { return written_; }
  std::uint64_t synced() const { return are_there() ? ring_.synced() : UINT64_MAX; }

  bool write_record(std::string_view record) override {
    return push(shm::LogRing::Kind::State, record);
  }
  bool begin_file(std::uint32_t which) override {
    return push(shm::LogRing::Kind::StateBegin, which ? "1" : "0");
  }

 private:
  bool push(shm::LogRing::Kind kind, std::string_view text);

  const Setup& setup_;
  LogPort& log_port_;
  shm::LogRing ring_;
  std::string texts_[2];
  std::uint64_t written_ = 0;
};

/// The text of a file, at most 256 MiB; empty if it cannot be read.
std::string read_whole(const Fd& file);
/// False if not all of it could be written.
bool write_whole(const Fd& file, std::string_view text);

}  // namespace weir::process
