// SPDX-License-Identifier: Apache-2.0
//
// FakeKernel: a kernel without processes, for tests of the master and its parts.  Who is spawned is a pair of channels, of
// which the test has the far end; it dies when the test says so, and time passes when the test says so.
#pragma once

#include "fakes/manual_clock.h"
#include "process/kernel.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>

#include <deque>
#include <functional>
#include <list>
#include <string>
#include <utility>
#include <vector>

namespace weir::test {

/// The far end of a child's channel.
struct FakeProcess {
  process::Role role = process::Role::Worker;
  std::uint32_t index = 0;
  pid_t pid = 0;
  std::string argument;
  std::uint64_t started_us = 0;
  net::Channel channel;
  bool is_there = true;

  void say(net::MessageType type, const std::string& bytes = {},
           const std::vector<int>& descriptors = {}) {
    EXPECT_TRUE(channel.send(type, bytes, descriptors));
  }
  /// What it was told, without what comes behind a setup.
  std::vector<net::Message> heard() {
    std::vector<net::Message> all;
    while (channel.is_open()) {
      auto message = channel.receive();
      if (!message) break;
      if (message->type != net::MessageType::Descriptors) all.push_back(std::move(*message));
    }
    return all;
  }
};

class FakeKernel final : public process::Kernel {
 public:
  /// Higher than any number of a process.
  static constexpr pid_t first_pid = 1 << 23;

  ManualClock clock;
  std::list<FakeProcess> processes;          ///< all there ever were, in order
  std::vector<std::pair<pid_t, int>> kills;  ///< every signal sent
  std::deque<int> signals;                   ///< to the master, that it has not taken
  /// Whether a child can be started now.
  std::function<bool(const process::Child&)> may_spawn = [](const process::Child&) { return true; };
  /// Called when nothing is to be done, until it says false: then time passes.
  std::function<bool()> on_idle = [] { return false; };

  /// A process dies, is stopped or goes on; `status` as waitpid(2) gives it.  The master hears of it at its next turn.
  void change(FakeProcess& process, int status) {
    changes_.push_back({process.pid, status});
    signals.push_back(SIGCHLD);
    if (WIFSTOPPED(status) || WIFCONTINUED(status)) return;
    EXPECT_TRUE(process.is_there) << "it cannot die twice";
    process.is_there = false;
    process.channel.close();
  }
  /// The last one in that role that is there; null if none is.
  FakeProcess* find(process::Role role, std::uint32_t index = 0) {
    FakeProcess* found = nullptr;
    for (FakeProcess& each : processes)
      if (each.is_there && each.role == role && each.index == index) found = &each;
    return found;
  }
  FakeProcess* find(pid_t pid) {
    for (FakeProcess& each : processes)
      if (each.pid == pid) return &each;
    return nullptr;
  }
  bool was_killed(pid_t pid, int signal) const {
    for (const auto& kill : kills)
      if (kill == std::pair(pid, signal)) return true;
    return false;
  }

  std::uint64_t monotonic_us() const noexcept override { return clock.monotonic_us(); }
  std::int64_t wall_us() const noexcept override { return clock.wall_us(); }
  void take_signals() override {}
  int next_signal() override {
    if (signals.empty()) return 0;
    const int number = signals.front();
    signals.pop_front();
    return number;
  }
  Change next_change() override {
    if (changes_.empty()) return {};
    const Change change = changes_.front();
    changes_.pop_front();
    return change;
  }
  Result<void> spawn(process::Child& child, const std::string& argument) override {
    if (!may_spawn(child)) return Error(Errc::System, "fork: no room");
    auto ends = net::Channel::make_pair();
    if (!ends) return ends.error();
    FakeProcess& made = processes.emplace_back();
    made.role = child.role;
    made.index = child.index;
    made.pid = first_pid + static_cast<pid_t>(processes.size());
    made.argument = argument;
    made.started_us = monotonic_us();
    made.channel = net::Channel(std::move(ends->second));
    const int flags = ::fcntl(made.channel.fd(), F_GETFL);
    EXPECT_EQ(::fcntl(made.channel.fd(), F_SETFL, flags | O_NONBLOCK), 0);
    child.pid = made.pid;
    child.channel = std::move(ends->first);
    child.ready = false;
    child.started_us = monotonic_us();
    child.start_at_us = 0;
    return {};
  }
  Result<void> spawn_trial(process::Child& child, const std::string& binary, int,
                           const std::vector<int>&) override {
    return spawn(child, binary);
  }
  void kill(pid_t pid, int signal) override {
    kills.emplace_back(pid, signal);
    FakeProcess* process = find(pid);
    if (signal == SIGKILL && process && process->is_there) change(*process, SIGKILL);
  }
  void wait(std::vector<pollfd>& descriptors, int timeout_ms) override {
    const auto is_ready = [&] {
      return ::poll(descriptors.data(), descriptors.size(), 0) > 0 || !signals.empty();
    };
    if (is_ready() || on_idle()) return;
    clock.advance(static_cast<std::uint64_t>(timeout_ms) * 1000);
  }

 private:
  std::deque<Change> changes_;
};

}  // namespace weir::test
