// SPDX-License-Identifier: Apache-2.0
//
// Trial: what the next binary does before it takes over: as a child of the present one it reads everything
// that would be handed over to it, loads the running configuration, and says whether it can.  It changes
// nothing.
#pragma once

#include "net/channel.h"

#include <string>
#include <string_view>

namespace weir::process {

/// What a trial found.
struct Verdict {
  std::string version;      ///< of the binary that was tried
  bool same_memory = true;  ///< shared memory can stay
  std::string plan;         ///< that it makes of the running configuration, as it will read it
};

std::string write_verdict(const Verdict& verdict);
Verdict read_verdict(std::string_view text);

/// Body of the trial process: sends Plan with a verdict, or Failed with the reason.  Returns the exit status.
int run_trial(net::Channel channel, int handover);

}  // namespace weir::process
