// SPDX-License-Identifier: Apache-2.0
//
// LogPort: a process's own end of its log ring, for access lines and for weir::log, and the waking of
// the writer.
#pragma once

#include <weir/log.h>

#include "process/setup.h"
#include "shm/log_ring.h"

#include <string>
#include <string_view>

namespace weir::process {

class LogPort {
 public:
  /// From now on weir::log of this process goes there, under that name.
  LogPort(std::string name, Level least, shm::LogRing ring, int writer_waker);

  /// The ring and name that belong to the role.
  LogPort(const Setup& setup, const shm::Segment& segment);

  void write(shm::LogRing::Kind kind, std::string_view line);
  /// As LogRing::stage and LogRing::settle.
  void stage(shm::LogRing::Kind kind, std::string_view line) { ring_.stage(kind, line); }
  void settle(bool keep);

 private:
  shm::LogRing ring_;
  int writer_waker_;
};

/// Adds one to an eventfd: whoever sleeps on it wakes.
void wake(int eventfd);
/// Sets an eventfd back to zero.
void clear_wake(int eventfd);

}  // namespace weir::process
