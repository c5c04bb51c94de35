// SPDX-License-Identifier: Apache-2.0
#include "process/kernel.h"

#include <signal.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

namespace weir::process {

namespace {

class SystemKernel final : public Kernel {
 public:
  std::uint64_t monotonic_us() const noexcept override { return weir::monotonic_us(); }
  std::int64_t wall_us() const noexcept override { return system_clock().wall_us(); }

  void take_signals() override {
    sigset_t set;
    sigemptyset(&set);
    for (int number : {SIGCHLD, SIGHUP, SIGUSR1, SIGUSR2, SIGTERM, SIGINT, SIGQUIT})
      sigaddset(&set, number);
    sigprocmask(SIG_BLOCK, &set, nullptr);
    signals_ = Fd(::signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC));
  }

  int next_signal() override {
    signalfd_siginfo info;
    const bool has_come =
        ::read(signals_.get(), &info, sizeof(info)) == static_cast<ssize_t>(sizeof(info));
    return has_come ? static_cast<int>(info.ssi_signo) : 0;
  }

  Change next_change() override {
    Change change;
    const pid_t pid = ::waitpid(-1, &change.status, WNOHANG | WUNTRACED | WCONTINUED);
    if (pid > 0) change.pid = pid;
    return change;
  }

  Result<void> spawn(Child& child, const std::string& argument) override {
    return process::spawn(child, argument);
  }
  Result<void> spawn_trial(Child& child, const std::string& binary, int handover,
                           const std::vector<int>& descriptors) override {
    return process::spawn_trial(child, binary, handover, descriptors);
  }
  void kill(pid_t pid, int signal) override { ::kill(pid, signal); }

  void wait(std::vector<pollfd>& descriptors, int timeout_ms) override {
    descriptors.push_back({signals_.get(), POLLIN, 0});
    (void)::poll(descriptors.data(), descriptors.size(), timeout_ms);
    descriptors.pop_back();
  }

 private:
  Fd signals_;
};

}  // namespace

Kernel& system_kernel() {
  static SystemKernel kernel;
  return kernel;
}

}  // namespace weir::process
