// SPDX-License-Identifier: Apache-2.0
//
// Mastering: the whole master, which runs until it ends, on a kernel without processes.  Its children do what they are told
// unless the test wants something else, and the test says what happens step by step; time passes while nothing does.
#pragma once

#include "base/logger.h"
#include "fakes/fake_kernel.h"
#include "process/bundle_memory.h"
#include "process/master.h"
#include "shm/worker_state.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::process {

struct Mastering : testing::Test {
  static constexpr std::uint64_t second = 1'000'000;
  static constexpr const char* address = "127.0.0.1:80";

  Mastering() {
    plan.workers = 2;
    plan.max_connections = 100;
    plan.binds.push_back(
        {0, {config::Endpoint::Kind::Ip4, "127.0.0.1", 80, address}, "weir.conf:2"});
    kernel.on_idle = [this] { return act(); };
  }
  ~Mastering() override { set_logger("weir", Level::Info, nullptr); }

  /// Makes the master, whose sockets are one for each of two workers.
  Master& make() {
    Assets assets;
    assets.plan = plan;
    assets.history.add(
        {{1, 0, "start", "load"}, plan, some("bundle"), some("secrets"), some("check")});
    for (std::uint32_t slot = 0; slot < 2; ++slot)
      assets.sockets.push_back({some("socket"), slot, address});
    EXPECT_TRUE(share(assets));
    const int shared = ::fcntl(assets.segment->fd(), F_DUPFD_CLOEXEC, 0);
    segment = std::make_unique<shm::Segment>(std::move(*shm::Segment::attach(shared)));
    return *(master =
                 std::make_unique<Master>(kernel, std::move(assets), daemon, "/etc/weir.conf", 1));
  }
  /// Runs it to its end, which the test has to bring about; says with which status.
  int run() {
    if (!master) make();
    begun_us = kernel.clock.monotonic_us();
    const int status = master->run_first();
    EXPECT_TRUE(script.empty()) << script.size() << " steps before the end";
    ended_us = kernel.clock.monotonic_us();
    return status;
  }
  /// Then: once `until` holds and nobody has anything to do, `then` happens.
  Mastering& when(
      std::function<bool()> until, std::function<void()> then = [] {}) {
    script.push_back({std::move(until), std::move(then)});
    return *this;
  }
  /// The same when all processes are ready.
  Mastering& when_ready(std::function<void()> then) {
    return when([this] { return is_up(); }, std::move(then));
  }
  /// So long after what was before.
  Mastering& after(std::uint64_t us, std::function<void()> then) {
    const auto from = std::make_shared<std::uint64_t>(0);
    when([] { return true; }, [this, from] { *from = kernel.clock.monotonic_us(); });
    return when([this, from, us] { return kernel.clock.monotonic_us() >= *from + us; },
                std::move(then));
  }
  void raise(int number) { kernel.signals.push_back(number); }

  test::FakeProcess* find(Role role, std::uint32_t index = 0) { return kernel.find(role, index); }
  /// It dies, and is not there any more before the next step.
  void die(Role role, std::uint32_t index = 0, int status = SIGKILL) {
    test::FakeProcess* const process = find(role, index);
    ASSERT_TRUE(process);
    kernel.change(*process, status);
  }
  bool is_up() {
    bool all = find(Role::Writer) && find(Role::Control);
    for (std::uint32_t i = 0; i < plan.workers; ++i) all = all && find(Role::Worker, i);
    return all && ready == 2 + plan.workers;
  }
  /// How many of a role there have been.
  std::size_t started(Role role, std::uint32_t index = 0) const {
    return static_cast<std::size_t>(
        std::count_if(kernel.processes.begin(), kernel.processes.end(),
                      [&](const auto& each) { return each.role == role && each.index == index; }));
  }
  /// Who watches a socket.
  bool watches(std::uint32_t slot, std::uint32_t worker) const {
    return shm::SlotTable(*segment).belongs(slot, worker);
  }
  bool has(std::string_view event) const {
    return std::find(events.begin(), events.end(), event) != events.end();
  }
  static Fd some(std::string_view text) { return std::move(*seal_text("test", text)); }

  /// What processes do when they are told something.
  struct Manners {
    bool becomes_ready = true, drains = true, stops = true;
    int dies = -1;  ///< as soon as it has started, with this status; -1 = not
  };
  Manners& manners(Role role) { return manners_[static_cast<std::size_t>(role)]; }

  Plan plan;
  test::FakeKernel kernel;
  Daemon daemon;
  std::unique_ptr<Master> master;
  std::unique_ptr<shm::Segment> segment;
  std::vector<std::string> events;             ///< "worker 0 setup", "writer stop", as they come
  std::map<std::string, std::uint64_t> times;  ///< when each of them came first
  std::uint32_t ready = 0;                     ///< processes that have said so and are there
  std::uint64_t begun_us = 0, ended_us = 0;

 private:
  struct Step {
    std::function<bool()> until;
    std::function<void()> then;
  };

  bool act() {
    for (test::FakeProcess& each : kernel.processes)
      if (each.is_there && serve(each)) return true;
    ready = 0;
    for (test::FakeProcess& each : kernel.processes) ready += each.is_there && said_ready(each);
    if (!script.empty() && script.front().until()) {
      const auto then = std::move(script.front().then);
      script.pop_front();
      then();
      return true;
    }
    if (++idle_ > most_idle) give_up();
    return false;
  }
  bool said_ready(const test::FakeProcess& process) const {
    return std::find(ready_.begin(), ready_.end(), process.pid) != ready_.end();
  }
  bool serve(test::FakeProcess& process) {
    const auto heard = process.heard();
    for (const net::Message& message : heard)
      if (process.is_there) obey(process, message);
    return !heard.empty();
  }
  void obey(test::FakeProcess& process, const net::Message& message) {
    const std::string who = process.role == Role::Worker ? "worker " + std::to_string(process.index)
                                                         : std::string(role_name(process.role));
    const Manners& its = manners(process.role);
    const auto note = [&](const std::string& what) {
      events.push_back(who + what);
      times.emplace(who + what, kernel.clock.monotonic_us());
    };
    switch (message.type) {
      case net::MessageType::Setup:
        note(" setup");
        if (its.dies >= 0) return kernel.change(process, its.dies);
        if (!its.becomes_ready) return;
        ready_.push_back(process.pid);
        return process.say(net::MessageType::Ready);
      case net::MessageType::Drain:
        note(" drain");
        if (its.drains) kernel.change(process, 0);
        return;
      case net::MessageType::Stop:
        note(" stop");
        if (its.stops) kernel.change(process, 0);
        return;
      case net::MessageType::Logs: return note(" logs");
      case net::MessageType::Refused: return note(" refused " + message.bytes);
      case net::MessageType::Quarantined: return note(" quarantined");
      default: return note(" something");
    }
  }
  void give_up() {
    ADD_FAILURE() << "it waits in vain";
    script.clear();
    kernel.may_spawn = [](const Child&) { return false; };
    raise(SIGINT);
    for (test::FakeProcess& each : kernel.processes)
      if (each.is_there) kernel.change(each, SIGKILL);
  }

  static constexpr int most_idle = 50'000;
  Manners manners_[4];
  std::deque<Step> script;
  std::vector<pid_t> ready_;
  int idle_ = 0;
};

}  // namespace weir::process
