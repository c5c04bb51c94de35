// SPDX-License-Identifier: Apache-2.0
//
// What a master leaves to the next one is read as it was written, by versions that know less, too.
#include "process/handover.h"

#include "process/bundle_memory.h"
#include "process/trial.h"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <unistd.h>

#include <memory>
#include <string>

namespace weir::process {
namespace {

Fd some_file() { return Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC)); }

/// A master's belongings.  What is read of them owns the same descriptors, as after an exec: closing them
/// a second time at the end of a test does nothing.
struct Belongings {
  Assets assets;
  std::list<Child> children;
  Fd executable = some_file();

  Belongings() {
    shm::Layout layout;
    layout.workers = 4;
    auto segment = shm::Segment::create(layout);
    assets.segment = std::make_unique<shm::Segment>(std::move(*segment));
    assets.plan.workers = 3;
    assets.plan.pid_file = "/run/a b.pid";
    for (std::uint64_t number : {1, 2}) {
      Plan plan;
      plan.workers = static_cast<std::uint32_t>(number);
      assets.history.add({{number, 77, "uid 0 pid 1", "load"}, plan, some_file()});
    }
    assets.sockets.push_back({some_file(), 9, "unix:/run/with space.sock"});
    assets.wakers.push_back(some_file());
    assets.wakers.push_back(some_file());
    assets.admin.push_back(some_file());
    assets.error_log = some_file();
    Child& child = children.emplace_back();
    child.index = 2;
    child.incarnation = 5;
    child.pid = 4711;
    child.ready = child.leaving = true;
    child.generation = 2;
    child.started_us = 123456789;
    child.channel = net::Channel(some_file());
  }

  Given given() const { return {assets, children, "/etc/w x.conf", 7, executable.get(), true}; }
};

TEST(Handover, ComesBackAsItWasGiven) {
  Belongings from;
  HandoverText text(from.given());
  text.add_lines("next_plan", "workers 8\npid_file x\n");
  text.add("memory", "other");
  text.add("of_a_later_version", "whatever it is");
  auto sealed = text.seal();
  ASSERT_TRUE(sealed);
  auto read = read_handover(sealed->get());
  ASSERT_TRUE(read) << read.error().text();
  Handover& got = *read;
  EXPECT_EQ(got.path, "/etc/w x.conf");
  EXPECT_EQ(got.last, 7U);
  EXPECT_TRUE(got.reload_wanted);
  EXPECT_FALSE(got.same_memory);
  EXPECT_EQ(got.next_plan, "workers 8\npid_file x\n");
  EXPECT_EQ(got.executable, from.executable.get());
  EXPECT_EQ(got.segment, from.assets.segment->fd());
  EXPECT_EQ(got.assets.plan.workers, 3U);
  EXPECT_EQ(got.assets.plan.pid_file, "/run/a b.pid");
  ASSERT_EQ(got.assets.sockets.size(), 1U);
  EXPECT_EQ(got.assets.sockets[0].slot, 9U);
  EXPECT_EQ(got.assets.sockets[0].address, "unix:/run/with space.sock");
  EXPECT_EQ(got.assets.wakers.size(), 2U);
  ASSERT_EQ(got.assets.history.entries().size(), 2U);
  EXPECT_EQ(got.assets.history.entries()[0].plan.workers, 1U);
  EXPECT_EQ(got.assets.history.present().about.number, 2U);
  EXPECT_EQ(got.assets.history.present().about.by, "uid 0 pid 1");
  ASSERT_EQ(got.children.size(), 1U);
  const Child& child = got.children.front();
  EXPECT_EQ(child.role, Role::Worker);
  EXPECT_EQ(child.index, 2U);
  EXPECT_EQ(child.incarnation, 5U);
  EXPECT_EQ(child.pid, 4711);
  EXPECT_TRUE(child.ready && child.leaving && !child.stranger);
  EXPECT_EQ(child.started_us, 123456789U);
  EXPECT_EQ(child.channel.fd(), from.children.front().channel.fd());
  // Every descriptor that has to outlive an exec is named.
  EXPECT_EQ(got.descriptors.size(), text.descriptors().size());
}

TEST(Handover, APastThatCannotBeReadIsLetGo) {
  Belongings from;
  HandoverText text(from.given());
  text.add_descriptor("past",
                      from.executable.get());  // the present one, of a version with other plans
  text.add_lines("past_plan", "sails 3\n");
  auto sealed = text.seal();
  ASSERT_TRUE(sealed);
  auto read = read_handover(sealed->get());
  ASSERT_TRUE(read);
  EXPECT_EQ(read->assets.history.entries().size(), 3U);  // the present one stays
  text.add_descriptor("past", from.executable.get());
  text.add_lines("past_plan", "workers 1\n");
  auto again = text.seal();
  ASSERT_TRUE(again);
  auto reread = read_handover(again->get());
  ASSERT_TRUE(reread);
  EXPECT_EQ(reread->assets.history.entries().size(), 3U);
}

TEST(Handover, RefusesWhatIsNone) {
  Fd null = some_file();
  EXPECT_FALSE(read_handover(null.get()));
  for (const char* text :
       {"", "weir-handover 2\n", "weir-handover 1\n", "weir-handover 1\nsegment x\n",
        "weir-handover 1\nplan: 99999999999999999999\nworkers 1\n"}) {
    auto sealed = seal_text("test", text);
    ASSERT_TRUE(sealed);
    EXPECT_FALSE(read_handover(sealed->get())) << text;
  }
}

TEST(Handover, AVerdictSurvivesItsText) {
  Verdict verdict = read_verdict(write_verdict({"1.2.3", false, "workers 2\nuid 5\n"}));
  EXPECT_EQ(verdict.version, "1.2.3");
  EXPECT_FALSE(verdict.same_memory);
  EXPECT_EQ(verdict.plan, "workers 2\nuid 5\n");
}

TEST(Crew, NumbersAreFreeWhenTheirOwnersHaveGone) {
  Crew crew;
  EXPECT_EQ(crew.free_index(2), 0U);
  crew.add(Role::Control, 0);
  Child& first = crew.add(Role::Worker, 0);
  Child& second = crew.add(Role::Worker, 1);
  EXPECT_EQ(crew.staff(), 2U);
  EXPECT_EQ(crew.last_of_staff(), &second);
  EXPECT_EQ(crew.free_index(2), std::nullopt);
  second.leaving = true;
  EXPECT_EQ(crew.staff(), 1U);
  EXPECT_EQ(crew.last_of_staff(), &first);
  EXPECT_EQ(crew.free_index(2), std::nullopt);
  EXPECT_EQ(crew.free_index(3), 2U);
  crew.remove(second);
  EXPECT_EQ(crew.free_index(2), 1U);
  first.stranger = first.former = true;  // its words lie in other memory
  EXPECT_EQ(crew.free_index(2), 0U);
  EXPECT_EQ(crew.staff(), 0U);
}

}  // namespace
}  // namespace weir::process
