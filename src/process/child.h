// SPDX-License-Identifier: Apache-2.0
//
// Child: a process as the master sees it: started by exec of our own binary (a fresh address space each
// time), spoken to over a channel, replaced when it dies.
#pragma once

#include "base/clock.h"
#include "net/channel.h"
#include "process/setup.h"

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace weir::process {

/// The descriptor at which a child finds its channel.
inline constexpr int child_channel_fd = 3;

struct Child {
  Role role = Role::Worker;
  std::uint32_t index = 0;
  std::uint32_t incarnation = 0;
  pid_t pid = 0;  ///< 0 = not running
  net::Channel channel;
  bool ready = false;
  bool leaving = false;            ///< a worker that is not wanted any more: it drains and ends
  bool former = false;             ///< runs the binary before ours
  bool stranger = false;           ///< a former one whose shared memory is not ours
  std::uint64_t generation = 0;    ///< it was started with
  std::uint64_t started_us = 0;    ///< monotonic
  std::uint32_t young_deaths = 0;  ///< in a row
  std::uint64_t start_at_us = 0;   ///< 0 = not waiting

  std::string name() const;
};

/// Forks and execs /proc/self/exe in that role, with `argument` behind it if there is one.
Result<void> spawn(Child& child, const std::string& argument = {});

/// Forks and execs another binary for a trial of a handover; it inherits `descriptors`, too.
Result<void> spawn_trial(Child& child, const std::string& binary, int handover,
                         const std::vector<int>& descriptors);

}  // namespace weir::process
