// SPDX-License-Identifier: Apache-2.0
//
// The state file: whatever was cut off at whichever byte, each override is there or not, never half.
#include "admin/state_log.h"

#include "base/hash.h"

#include <gmock/gmock.h>

#include <cstdio>
#include <memory>

namespace weir::admin {
namespace {

/// Two files in memory.
class Disk final : public RecordSink {
 public:
  bool write_record(std::string_view record) override {
    if (full) return false;
    files[which].append(record).append("\n");
    return true;
  }
  bool begin_file(std::uint32_t number) override {
    if (full) return false;
    which = number;
    files[number].clear();
    return true;
  }
  std::string files[2];
  std::uint32_t which = 0;
  bool full = false;
};

/// A configuration with one backend of two servers, and a registry on fresh shared memory.
class World final : private upstream::RegistryEvents {
 public:
  explicit World(Disk& disk) {
    config.backends.resize(1);
    config.backends[0].name = "api";
    for (int i = 1; i <= 2; ++i) {
      config::Server server;
      server.name = "a" + std::to_string(i);
      server.at.host = "127.0.0.1";
      server.at.port = static_cast<std::uint16_t>(i);
      server.at.text = "127.0.0.1:" + std::to_string(i);
      config.backends[0].servers.push_back(server);
    }
    config.server_count = 2;
    shm::Layout layout;
    layout.servers = 16;
    segment = std::make_unique<shm::Segment>(std::move(*shm::Segment::create(layout)));
    registry = std::make_unique<upstream::Registry>(*segment, config,
                                                    static_cast<upstream::RegistryEvents&>(*this));
    registry->load();
    log = std::make_unique<StateLog>(loop, *registry, disk);
  }

  config::Server server(const char* name, std::uint16_t port) const {
    config::Server made = config.backends[0].servers[0];
    made.name = name;
    made.at.port = port;
    made.at.text = "127.0.0.1:" + std::to_string(port);
    return made;
  }

  config::Config config;
  event::Loop loop;
  std::unique_ptr<shm::Segment> segment;
  std::unique_ptr<upstream::Registry> registry;
  std::unique_ptr<StateLog> log;

 private:
  void on_published() noexcept override {}
  void on_server_event(const upstream::ServerEvent&) noexcept override {}
  void on_override(std::uint32_t slot) noexcept override {
    if (log) log->note_server(slot);
  }
  void on_removed(std::uint32_t) noexcept override {}
};

/// A record as it stands in a file, by its checksum a whole one.
std::string stamped(const std::string& record) {
  char digits[17];
  std::snprintf(digits, sizeof(digits), "%016llx",
                static_cast<unsigned long long>(fast_hash(record, 0x7765'6972)));
  return digits + (" " + record + "\n");
}

void change_things(World& world) {
  upstream::Registry& registry = *world.registry;
  registry.set_weight(0, 5, {"uid 0", "more \"load\""});
  registry.set_state(1, shm::Override::Drain, {"uid 0", ""});
  ASSERT_TRUE(registry.add(0, world.server("a3", 50), {"uid 0", ""}));
  registry.set_weight(2, 9, {"uid 0", ""});
  ASSERT_TRUE(registry.add(0, world.server("a4", 51), {"uid 0", ""}));
  registry.remove(3, 0, {"uid 0", ""});
  world.log->keep_result("op 1", {"revision 7", "0123abcd"});
}

TEST(StateLog, EverythingComesBack) {
  Disk disk;
  World first(disk);
  first.log->load({"", ""});
  first.log->write_whole();
  change_things(first);
  World second(disk);
  second.log->load(disk.files);
  const upstream::Registry& registry = *second.registry;
  EXPECT_EQ(registry.row(0).weight, 5U);
  EXPECT_STREQ(registry.columns(0).overridden_weight.why, "more \"load\"");
  EXPECT_EQ(registry.row(1).use, shm::Use::Drain);
  auto added = registry.find(0, "a3");
  ASSERT_TRUE(added);
  EXPECT_EQ(registry.row(*added).weight, 9U);
  EXPECT_TRUE(registry.columns(*added).runtime);
  auto gone = registry.find(0, "a4");
  EXPECT_TRUE(!gone || registry.columns(*gone).leaving);
  ASSERT_TRUE(second.log->find_result("op 1"));
  EXPECT_EQ(second.log->find_result("op 1")->text, "revision 7");
  EXPECT_EQ(second.log->find_result("op 1")->digest, "0123abcd");
}

TEST(StateLog, WhatAReloadTakesAwayIsForgotten) {
  Disk disk;
  World first(disk);
  first.log->write_whole();
  change_things(first);
  config::Config next = first.config;
  next.backends[0].servers[0] = first.server("a3", 50);  // in place of a1, as it is at run time
  first.registry->adopt(next, {"reload", ""});
  first.registry->retire(0, {"reload", ""});
  World second(disk);  // without the reload
  second.log->load(disk.files);
  EXPECT_EQ(second.registry->row(0).weight, 1U);
  EXPECT_EQ(second.registry->row(1).use, shm::Use::Drain);
  EXPECT_FALSE(second.registry->find(0, "a3"));
}

TEST(StateLog, CutAtEveryByteItIsWholeOrThere) {
  Disk disk;
  World first(disk);
  first.log->write_whole();
  std::size_t begin = disk.files[disk.which].size();
  change_things(first);
  const std::string text = disk.files[disk.which];
  for (std::size_t size = begin; size <= text.size(); ++size) {
    Disk ignored;
    World world(ignored);
    std::string files[2] = {text.substr(0, size), ""};
    world.log->load(files);
    std::uint32_t weight = world.registry->row(0).weight;
    EXPECT_TRUE(weight == 1 || weight == 5) << size;
    shm::Use use = world.registry->row(1).use;
    EXPECT_TRUE(use == shm::Use::Up || use == shm::Use::Drain) << size;
  }
}

TEST(StateLog, AHalfWrittenCopyDoesNotCount) {
  Disk disk;
  World first(disk);
  first.log->write_whole();
  first.registry->set_weight(0, 5, {"uid 0", ""});
  std::string old_file = disk.files[disk.which];
  first.log->write_whole();
  std::string new_file = disk.files[disk.which];
  for (std::size_t size = 0; size <= new_file.size(); ++size) {
    Disk ignored;
    World world(ignored);
    std::string files[2] = {old_file, new_file.substr(0, size)};
    world.log->load(files);
    EXPECT_EQ(world.registry->row(0).weight, 5U) << size;
  }
}

TEST(StateLog, GarbageIsNothing) {
  Disk disk;
  World world(disk);
  world.log->load({std::string(3, 0) + "\xff garbage\n\n0123456789abcdef epoch 9\n", "whole\n"});
  EXPECT_EQ(world.registry->row(0).weight, 1U);
}

TEST(StateLog, RecordsOfAnotherVersionAreDroppedAndTold) {
  Disk disk;
  World first(disk);
  first.log->write_whole();
  change_things(first);
  std::string& file = disk.files[disk.which];
  // One word less than today, as an earlier version wrote it, and a kind of a later one.
  file += stamped("server api a1 drain \"\" \"\" 0 7 0");
  file += stamped("mood api a1 good");
  file += stamped("server api a2 up \"uid 0\" \"\" 1 5 \"uid 0\" \"\" 1 \"\" \"\" \"\" 0");
  World second(disk);
  testing::internal::CaptureStderr();
  second.log->load(disk.files);
  EXPECT_THAT(testing::internal::GetCapturedStderr(),
              testing::HasSubstr("state file: 2 records are of another version of weir"));
  EXPECT_EQ(second.registry->row(1).weight, 5U) << "those that are understood count";
}

TEST(StateLog, WaitsForRoom) {
  Disk disk;
  World world(disk);
  world.log->write_whole();
  disk.full = true;
  world.registry->set_weight(0, 5, {"uid 0", ""});
  EXPECT_EQ(disk.files[disk.which].find("server api a1"), std::string::npos);
  disk.full = false;
  world.registry->set_weight(1, 6, {"uid 0", ""});
  const std::string& text = disk.files[disk.which];
  EXPECT_LT(text.find("server api a1"), text.find("server api a2"));
}

TEST(StateLog, AFileThatHasGrownBeginsAnew) {
  Disk disk;
  World world(disk);
  world.log->write_whole();
  std::uint32_t before = disk.which;
  for (std::uint32_t i = 0; i < 100'000 && disk.which == before; ++i)
    world.registry->set_weight(0, 2 + i % 900, {"uid 0", ""});
  EXPECT_NE(disk.which, before);
  EXPECT_LT(disk.files[disk.which].size(), disk.files[before].size());
}

}  // namespace
}  // namespace weir::admin
