// SPDX-License-Identifier: Apache-2.0
//
// Upgrade: how the master is replaced by another binary, in place: the process id, the children and all
// that the master holds stay.  The steps, and who takes them:
//
//   try       a child of the next binary reads the handover and loads the running configuration
//   export    only if its shared memory is another, or former workers have taken all numbers of ours: control
//             writes down what it knows
//   exec      the next binary takes over (process/takeover.h)
//
// Whatever fails until then changes nothing.
#pragma once

#include "process/child.h"
#include "process/handover.h"
#include "process/kernel.h"
#include "process/trial.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace weir::process {

/// What Upgrade needs of the master.
class UpgradeHost {
 public:
  /// What would be handed over now, but for the executable.
  virtual Given given() = 0;
  /// Why there cannot be an upgrade now; empty if there can.
  virtual std::string why_not() const = 0;
  /// Shared memory has a number left for a worker.
  virtual bool has_room() const = 0;
  virtual Child* control() = 0;
  virtual Kernel& kernel() = 0;

 protected:
  ~UpgradeHost() = default;
};

class Upgrade {
 public:
  /// `binary`: the path where the next one will lie.
  Upgrade(UpgradeHost& host, std::string binary);

  bool is_idle() const { return step_ == Step::Idle; }

  /// By a signal, or by control's order: who, tab, ticket.
  void begin(std::string_view order);
  /// Control said Exported.
  void on_exported(net::Message& message);
  void on_death(const Child& child);

  /// The trial's channel, or -1, to be waited for; call `on_trial` when it is readable.
  int trial_fd() const { return trial_.channel.is_open() ? trial_.channel.fd() : -1; }
  void on_trial();
  /// A process that is none of the children has ended: perhaps the trial.
  void on_exit(pid_t pid);

  /// Monotonic microseconds at which `on_timer` wants to be called; 0 = never.
  std::uint64_t deadline() const { return deadline_us_; }
  void on_timer();

 private:
  enum class Step { Idle, Trying, Exporting };

  Result<void> start_trial();
  void exec(int carried);
  void refuse(const std::string& why);
  void tell_control(net::MessageType type, const std::string& ticket, const std::string& text);
  void end_trial();

  UpgradeHost& host_;
  std::string binary_;
  Step step_ = Step::Idle;
  std::uint64_t deadline_us_ = 0;
  std::string by_, ticket_;
  Child trial_;
  Verdict verdict_;
  Fd executable_, carried_;
};

/// Where our own binary lies, or lay: a newer one may have its place.
std::string own_binary();

}  // namespace weir::process
