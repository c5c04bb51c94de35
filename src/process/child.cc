// SPDX-License-Identifier: Apache-2.0
#include "process/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

namespace weir::process {

namespace {

// A signal to the whole process group, as systemd, timeout and a terminal send them, is for the master alone: it tells its
// children by their channels what to do.  Ignored before the exec, so there is no moment in which one could end a child.
void leave_signals_to_the_master() {
  for (int number : {SIGTERM, SIGINT, SIGQUIT, SIGHUP, SIGUSR1, SIGUSR2}) signal(number, SIG_IGN);
}

// In the forked child: only what is safe between fork and exec.
[[noreturn]] void exec_now(const char* binary, const char* const* arguments) {
  leave_signals_to_the_master();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv(binary, const_cast<char* const*>(arguments));
  _exit(127);
}

[[noreturn]] void exec_child(int channel, const char* const* arguments) {
  if (channel == child_channel_fd)
    fcntl(channel, F_SETFD, 0);
  else
    dup2(channel, child_channel_fd);
  exec_now("/proc/self/exe", arguments);
}

// The parent's side: `child` is what was forked.
void took_off(Child& child, pid_t pid, net::Channel channel) {
  child.pid = pid;
  child.channel = std::move(channel);
  child.ready = false;
  child.started_us = monotonic_us();
  child.start_at_us = 0;
}

Error fork_error() { return Error(Errc::System, std::string("fork: ") + strerror(errno)); }

}  // namespace

std::string Child::name() const {
  std::string text = role_name(role);
  return role == Role::Worker ? text + "[" + std::to_string(index) + "]" : text;
}

Result<void> spawn(Child& child, const std::string& argument) {
  auto pair = net::Channel::make_pair();
  if (!pair) return pair.error();
  const char* arguments[] = {"weir", "--role", role_name(child.role),
                             argument.empty() ? nullptr : argument.c_str(), nullptr};
  pid_t pid = fork();
  if (pid < 0) return fork_error();
  if (pid == 0) exec_child(pair->second.get(), arguments);
  took_off(child, pid, std::move(pair->first));
  return {};
}

Result<void> spawn_trial(Child& child, const std::string& binary, int handover,
                         const std::vector<int>& descriptors) {
  auto pair = net::Channel::make_pair();
  if (!pair) return pair.error();
  std::string channel = std::to_string(pair->second.get());
  std::string text = std::to_string(handover);
  const char* arguments[] = {"weir", "--trial", channel.c_str(), text.c_str(), nullptr};
  pid_t pid = fork();
  if (pid < 0) return fork_error();
  if (pid == 0) {
    fcntl(pair->second.get(), F_SETFD, 0);
    fcntl(handover, F_SETFD, 0);
    for (int fd : descriptors) fcntl(fd, F_SETFD, 0);
    exec_now(binary.c_str(), arguments);
  }
  took_off(child, pid, std::move(pair->first));
  return {};
}

}  // namespace weir::process
