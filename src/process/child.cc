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

// In the forked child: only what is safe between fork and exec.
[[noreturn]] void exec_child(int channel, const char* const* arguments) {
  if (channel == child_channel_fd)
    fcntl(channel, F_SETFD, 0);
  else
    dup2(channel, child_channel_fd);
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  execv("/proc/self/exe", const_cast<char* const*>(arguments));
  _exit(127);
}

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
  if (pid < 0) return Error(Errc::System, std::string("fork: ") + strerror(errno));
  if (pid == 0) exec_child(pair->second.get(), arguments);
  child.pid = pid;
  child.channel = std::move(pair->first);
  child.ready = false;
  child.started_us = monotonic_us();
  child.start_at_us = 0;
  return {};
}

std::uint64_t monotonic_us() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000 +
         static_cast<std::uint64_t>(now.tv_nsec) / 1000;
}

}  // namespace weir::process
