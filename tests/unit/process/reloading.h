// SPDX-License-Identifier: Apache-2.0
//
// Reloading: the master's part of reloads, with a test in the place of everybody else: loader, control, workers, the kernel,
// and the master that is asked for its children.
#pragma once

#include "fakes/fake_kernel.h"
#include "process/bundle_memory.h"
#include "process/reload.h"

#include <gtest/gtest.h>

#include <list>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace weir::process {

struct Reloading : testing::Test, ReloadHost {
  static constexpr std::uint64_t second = 1'000'000;

  /// The steps, by what is awaited in them.
  enum class At : std::uint8_t { Loading, Judging, Preparing, Committing, Settling };
  static constexpr At steps[] = {At::Loading, At::Judging, At::Preparing, At::Committing,
                                 At::Settling};

  Reloading() {
    assets.segment = std::make_unique<shm::Segment>(
        std::move(*shm::Segment::create({.workers = 4, .sockets = 64})));
    assets.plan.workers = 2;
    assets.plan.max_connections = 100;
    assets.history.add({{1, 0, "start", "load"},
                        assets.plan,
                        some("bundle 1"),
                        some("secrets 1"),
                        some("check 1")});
    make(Role::Writer, 0);
    make(Role::Control, 0);
    make(Role::Worker, 0);
    make(Role::Worker, 1);
    for (std::uint32_t i = 0; i < 2; ++i) generation().run(i, 1);
    reload =
        std::make_unique<Reload>(static_cast<ReloadHost&>(*this), assets, "/etc/weir/weir.conf", 1);
  }

  // ReloadHost
  std::list<Child>& children() override { return crew; }
  Kernel& kernel() override { return the_kernel; }
  void on_committed() override { ++committed; }
  void replace(Child& child, std::string_view why) override {
    replaced.push_back(child.name() + " " + std::string(why));
  }
  void on_reloading(bool begun) override { is_reloading = begun; }

  static Fd some(std::string_view text) { return std::move(*seal_text("test", text)); }
  shm::Generation generation() const { return shm::Generation(*assets.segment); }

  Child& make(Role role, std::uint32_t index) {
    Child& child = crew.emplace_back();
    child.role = role;
    child.index = index;
    EXPECT_TRUE(the_kernel.spawn(child, {}));
    child.ready = true;
    return child;
  }
  Child& child(Role role, std::uint32_t index = 0) {
    for (Child& each : crew)
      if (each.role == role && each.index == index) return each;
    ADD_FAILURE() << "no such child";
    return crew.front();
  }
  test::FakeProcess& process(Role role, std::uint32_t index = 0) {
    test::FakeProcess* const found = the_kernel.find(role, index);
    if (!found) ADD_FAILURE() << "no such process";
    return found ? *found : the_kernel.processes.front();
  }
  test::FakeProcess& loader() { return process(Role::Loader); }
  /// From now on nothing can be started.
  void run_out_of_processes() {
    the_kernel.may_spawn = [](const Child&) { return false; };
  }
  /// It dies, and the master has buried it.
  void die(Role role, std::uint32_t index = 0) {
    Child& dead = child(role, index);
    the_kernel.change(process(role, index), SIGKILL);
    dead.pid = 0;
    dead.ready = false;
    dead.channel.close();
    reload->on_death(dead);
  }
  /// So much time passes, and the master looks at its clock.
  void pass(std::uint64_t us) {
    the_kernel.clock.advance(us);
    reload->on_timer();
  }

  // What the others say.
  void control_says(net::MessageType type, const std::string& bytes = {}) {
    net::Message message{type, bytes, {}};
    reload->on_control(message);
  }
  void worker_says(std::uint32_t index, net::MessageType type, const std::string& bytes) {
    reload->on_worker(child(Role::Worker, index), {type, bytes, {}});
  }
  void order(const std::string& what = "load\tuid 0\t7") {
    control_says(net::MessageType::Load, what);
  }
  void loader_says(net::MessageType type, const std::string& bytes, int descriptors = 0) {
    const Fd one = some("made");
    loader().say(type, bytes, std::vector<int>(static_cast<std::size_t>(descriptors), one.get()));
    reload->on_loader();
  }
  void loaded() { loader_says(net::MessageType::Plan, write_plan(next), 3); }
  void judged() { control_says(net::MessageType::Prepare); }
  void prepared() {
    for (std::uint32_t i = 0; i < 2; ++i)
      worker_says(i, net::MessageType::Prepared, std::to_string(reload->last()));
  }
  void commit() {
    generation().commit(reload->last());
    control_says(net::MessageType::Committed);
  }
  void settle() {
    for (std::uint32_t i = 0; i < 2; ++i) generation().run(i, reload->last());
    pass(2'000);
  }
  /// An order that has come to that step.
  void come_to(At step) {
    order();
    go_on_to(step);
  }
  /// One that waits in its first step.
  void go_on_to(At step) {
    if (step >= At::Judging) loaded();
    if (step >= At::Preparing) judged();
    if (step >= At::Committing) prepared();
    if (step >= At::Settling) commit();
  }
  /// The rest of one that waits in this step.
  void finish(At step) {
    if (step <= At::Loading) loaded();
    if (step <= At::Judging) judged();
    if (step <= At::Preparing) prepared();
    if (step <= At::Committing) commit();
    settle();
  }

  /// What somebody has been told since it was asked last: "refused 7\twhy".
  std::vector<std::string> told(test::FakeProcess& process) {
    static const std::map<net::MessageType, std::string> names = {
        {net::MessageType::Load, "load"},           {net::MessageType::Candidate, "candidate"},
        {net::MessageType::Prepare, "prepare"},     {net::MessageType::Prepared, "prepared"},
        {net::MessageType::Refused, "refused"},     {net::MessageType::Settled, "settled"},
        {net::MessageType::Abandon, "abandon"},     {net::MessageType::State, "state"},
        {net::MessageType::Resources, "resources"},
    };
    std::vector<std::string> all;
    for (const net::Message& message : process.heard()) {
      const auto name = names.find(message.type);
      const bool is_long =
          message.type == net::MessageType::Prepare || message.type == net::MessageType::Resources;
      all.push_back((name == names.end() ? "?" : name->second) +
                    (message.bytes.empty() || is_long ? "" : " " + message.bytes));
    }
    return all;
  }
  std::vector<std::string> told(Role role, std::uint32_t index = 0) {
    return told(process(role, index));
  }
  /// The last thing; empty if there was none.
  std::string last_told(Role role, std::uint32_t index = 0) {
    const auto all = told(role, index);
    return all.empty() ? std::string() : all.back();
  }

  void expect_present(std::uint64_t number) {
    EXPECT_TRUE(reload->is_idle());
    EXPECT_FALSE(is_reloading);
    EXPECT_EQ(assets.history.present().about.number, number);
  }

  test::FakeKernel the_kernel;
  Assets assets;
  Plan next = [] {
    Plan plan;
    plan.workers = 2;
    plan.max_connections = 100;
    return plan;
  }();
  std::list<Child> crew;
  int committed = 0;
  bool is_reloading = false;
  std::vector<std::string> replaced;
  std::unique_ptr<Reload> reload;
};

}  // namespace weir::process
