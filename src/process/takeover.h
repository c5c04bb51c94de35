// SPDX-License-Identifier: Apache-2.0
//
// Takeover: the next binary's first moments as the master.  The former workers carry the traffic until
// control, writer and every worker of the new binary are ready; then they get the listening sockets, and
// the former ones finish what they have and end.  If one of the new processes dies, or the time is up, all
// of them are ended and the former binary is execed again, which goes on with what it had.
#pragma once

#include "process/crew.h"
#include "process/handover.h"
#include "process/kernel.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace weir::process {

/// What Takeover needs of the master.
class TakeoverHost {
 public:
  virtual void start_child(Child& child) = 0;
  virtual Kernel& kernel() = 0;
  /// The new processes are all ready.
  virtual void on_taken_over() = 0;

 protected:
  ~TakeoverHost() = default;
};

class Takeover {
 public:
  /// Takes the former children into `crew`, and adds the new control and writer, which are not started yet.
  /// `text` is where the handover was read from.
  Takeover(TakeoverHost& host, Crew& crew, Handover& given, Fd text, std::uint64_t limit_ms);

  /// Ends the former control; its successor, and a writer, start when it has gone.
  void begin();
  /// A child has died, for that reason.
  void on_death(Child& child, std::string_view how);
  /// A child is ready.
  void on_ready();
  /// Gives up: the former binary comes back.  Returns only if it cannot be execed.
  void go_back(const std::string& why);

  std::uint64_t deadline() const { return deadline_us_; }
  void on_timer();
  const std::string& former_version() const { return former_version_; }
  /// Keeps a descriptor as it is, since the former binary knows its number.
  void keep(Fd fd) { kept_.push_back(std::move(fd)); }

 private:
  bool is_new(const Child& child) const { return !child.former; }
  void start_successors();

  TakeoverHost& host_;
  Crew& crew_;
  Fd text_, executable_;
  std::vector<int> descriptors_;
  std::vector<Fd> kept_;
  std::string former_version_;
  std::uint64_t deadline_us_;
  bool same_memory_;
};

/// The new master's belongings of what it was given: the same shared memory, or one of its own.  What
/// must not be closed until the takeover is over goes into `kept`.
Result<void> adopt_assets(Handover& given, std::vector<Fd>& kept);
/// The former master's, when it comes back.
Result<void> readopt_assets(Handover& given);

}  // namespace weir::process
