// SPDX-License-Identifier: Apache-2.0
//
// Reload: the master's part in replacing the configuration under running workers.  The steps, and who
// takes them:
//
//   load      a loader child reads the files        (or: a bundle of the history is taken)
//   judge     control compiles it, compares, may refuse
//   prepare   the master binds and opens what is new; each worker builds the next snapshot
//   commit    control publishes servers and stores `committed`: the one moment
//   settle    every worker runs it; who does not within a second is replaced
//
// Until the commit anything that fails, and anybody who dies or takes too long, leaves the old
// configuration as it was.  After it nothing can fail: who is started anew gets the new one.
#pragma once

#include "admin/reloads.h"
#include "process/bundle_memory.h"
#include "process/child.h"
#include "process/kernel.h"
#include "process/replacements.h"
#include "process/start.h"
#include "shm/generation.h"

#include <cstdint>
#include <list>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace weir::process {

/// Why another one cannot begin now.
using admin::under_way;

/// What Reload needs of the master.
class ReloadHost {
 public:
  virtual std::list<Child>& children() = 0;
  virtual Kernel& kernel() = 0;
  /// The plan in `assets` is another one now: workers come and go, slots move, logs change.
  virtual void on_committed() = 0;
  /// Ends a child that is behind; it is started again as all others.
  virtual void replace(Child& child, std::string_view why) = 0;
  /// A reload begins, or has come to its end.
  virtual void on_reloading(bool begun) = 0;

 protected:
  ~ReloadHost() = default;
};

class Reload {
 public:
  /// `path`: of the configuration the master was started with.  `last`: see `last()`.
  Reload(ReloadHost& host, Assets& assets, std::string path, std::uint64_t last);

  /// The highest number that a generation, or a candidate that workers know of, ever had.
  std::uint64_t last() const { return last_; }

  bool is_idle() const { return step_ == Step::Idle; }

  /// A signal wants the files loaded again.  Coming while a reload is under way, it is done after that one,
  /// however often it came.
  void on_signal();
  /// Control said Load, Prepare, Abandon or Committed.
  void on_control(net::Message& message);
  /// A worker said Prepared or Refused.
  void on_worker(const Child& child, const net::Message& message);
  /// A worker has started, with the present generation.
  void on_worker_ready(Child& child);
  void on_death(const Child& child);

  /// The loader's channel, or -1, to be waited for; call `on_loader` when it is readable.
  int loader_fd() const { return loader_.channel.is_open() ? loader_.channel.fd() : -1; }
  void on_loader();
  /// A process that is none of the children has ended: perhaps the loader.
  void on_exit(pid_t pid);

  /// Monotonic microseconds at which `on_timer` wants to be called; 0 = never.
  std::uint64_t deadline() const;
  void on_timer();

 private:
  enum class Step { Idle, Loading, Judging, Preparing, Committing, Settling };

  void begin(std::string_view order, Fd file);
  Result<void> start_loader(std::string_view name, const Fd& file);
  Result<void> start_loader(const History::Entry& past);
  void not_loaded(const std::string& why);
  void judge(Sealed sealed, const std::string& plan, const std::string& diagnostics);
  void prepare();
  bool prepare(Child& child);
  void lost_worker(const Child& child);
  void no_longer_awaited(const Child& child);
  void all_prepared();
  bool is_rollback() const { return next_.about.how.starts_with("rollback "); }
  Result<void> acquire();
  void refuse(const std::string& why);
  void committed();
  void hand_over_resources();
  void look_if_settled();
  void settled();
  void give_up_sockets();
  void enter(Step step, std::uint64_t limit_us);
  void count_step();
  bool tell_control(net::MessageType type, const std::string& bytes,
                    const std::vector<int>& descriptors = {});
  void report(net::MessageType result, const std::string& bytes);
  Child* control();
  void rest();

  ReloadHost& host_;
  Assets& assets_;
  std::string path_;
  shm::Generation generation_;
  Step step_ = Step::Idle;
  bool again_ = false;      ///< a signal came meanwhile
  bool only_plan_ = false;  ///< control will refuse it in any case
  bool confined_ = false;   ///< a client has chosen what is loaded: see process/reach.h
  std::uint64_t deadline_us_ = 0;
  std::uint64_t entered_us_ = 0;  ///< when the present step began
  StepTimes took_;
  std::uint64_t settle_by_us_ = 0;  ///< who runs the former one then is replaced
  std::uint64_t last_;              ///< number of the last candidate
  std::string ticket_;              ///< of control's order; "0" = a signal's
  Child loader_;
  std::string diagnostics_;
  std::uint64_t past_ = 0;  ///< the generation that is gone back to; 0 = none
  History::Entry next_;
  std::vector<ListeningSocket> new_sockets_;
  Fd error_log_, access_log_;
  std::unique_ptr<Replacements> replacements_;
  std::vector<std::uint32_t> awaited_;  ///< workers that have not prepared yet
  /// Sockets of addresses that were given up, which workers are closing: taken again if their address comes back.
  std::vector<ListeningSocket> given_up_;
  std::uint64_t given_up_until_ = 0;  ///< then the last of them is closed; 0 = there is none
};

}  // namespace weir::process
