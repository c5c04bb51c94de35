// SPDX-License-Identifier: Apache-2.0
//
// Servers as control publishes them, while it is killed at some instruction, or stopped at each one.
#include "shm/server_table.h"

#include "shm/child.h"

#include <gtest/gtest.h>

#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <random>
#include <string>
#include <utility>

namespace weir::shm {
namespace {

constexpr std::uint32_t ring_size = 65'536;

Segment make_segment(std::uint32_t servers = 8) {
  auto segment = Segment::create({.workers = 4, .servers = servers, .backends = 3});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

// Records whose every word says which edition they are.
ServerRow row_of(std::uint32_t edition) {
  ServerRow row;
  row.incarnation = row.backend = row.weight = row.max_in_flight = edition;
  row.use = Use::Up;
  std::memset(row.name, static_cast<int>('a' + edition % 26), sizeof(row.name) - 1);
  row.addresses.is_local = edition;
  std::memset(row.addresses.bytes, static_cast<int>(edition % 251), sizeof(row.addresses.bytes));
  return row;
}

ServerColumns columns_of(std::uint32_t edition) {
  ServerColumns columns;
  std::memset(columns.at, static_cast<int>('a' + edition % 26), sizeof(columns.at) - 1);
  columns.configured_weight = columns.ejections = edition;
  columns.configured.since_us = columns.operational.since_us = edition;
  return columns;
}

bool is_whole(const ServerRow& row) {
  if (row.use == Use::Free) return row.incarnation == 0;
  ServerRow same = row_of(row.incarnation);
  return row.backend == same.backend && row.weight == same.weight &&
         row.max_in_flight == same.max_in_flight && row.use == same.use &&
         std::memcmp(row.name, same.name, sizeof(row.name)) == 0 && row.addresses == same.addresses;
}

bool is_whole(const ServerColumns& columns) {
  if (columns.ejections == 0) return columns.operational.since_us == 0;
  ServerColumns same = columns_of(columns.ejections);
  return std::memcmp(columns.at, same.at, sizeof(columns.at)) == 0 &&
         columns.configured_weight == same.configured_weight &&
         columns.configured.since_us == same.configured.since_us &&
         columns.operational.since_us == same.operational.since_us;
}

// What a successor of a writer that ended somewhere in publish() relies on.
void expect_sound(const ServerTable& table) {
  for (std::uint32_t slot = 0; slot < table.capacity(); ++slot) {
    ServerRow row = table.row(slot);
    ServerColumns columns = table.columns(slot);
    ASSERT_TRUE(is_whole(row));
    ASSERT_TRUE(is_whole(columns));
    ASSERT_TRUE(columns.ejections == row.incarnation || columns.ejections == row.incarnation + 1)
        << "columns go first";
    ASSERT_TRUE(slot < table.used() || columns.ejections == 0) << "an overlooked slot";
  }
}

TEST(ServerTable, GivesBackWhatWasPublished) {
  Segment segment = make_segment();
  ServerTable table(segment);
  EXPECT_EQ(table.capacity(), 8U);
  EXPECT_EQ(table.used(), 0U);
  EXPECT_EQ(table.row(5).use, Use::Free);
  ServerRow row;
  row.weight = 7;
  row.use = Use::Drain;
  set_text(row.name, "alpha");
  ServerColumns columns;
  set_text(columns.at, std::string(500, 'x'));
  table.publish(5, row, columns);
  auto other = Segment::attach(dup(segment.fd()));
  ASSERT_TRUE(other);
  ServerTable reader(*other);
  EXPECT_EQ(reader.used(), 6U);
  EXPECT_EQ(reader.row(5).weight, 7U);
  EXPECT_EQ(reader.row(5).use, Use::Drain);
  EXPECT_STREQ(reader.row(5).name, "alpha");
  EXPECT_EQ(std::string(reader.columns(5).at), std::string(sizeof(columns.at) - 1, 'x'));
  EXPECT_EQ(reader.row(4).use, Use::Free);
  table.publish(2, row, columns);
  EXPECT_EQ(reader.used(), 6U);
  EXPECT_EQ(reader.revision(2), 0U);
  table.count_revision(2);
  EXPECT_EQ(reader.revision(2), 1U);
  EXPECT_EQ(reader.revision(1), 0U);
}

// Control is killed at some instruction, again and again; its successor goes on where it stopped.
TEST(ServerTable, ReaderNeverSeesAMixture) {
  Segment segment = make_segment();
  ServerTable table(segment);
  std::mt19937 random(3);
  std::uint32_t edition = 1;
  for (int round = 0; round < 100; ++round, ++edition) {
    Child control([&] {
      ServerTable mine(segment);
      for (std::uint32_t i = edition;; ++i)
        for (std::uint32_t slot = 0; slot < 8; ++slot) mine.publish(slot, row_of(i), columns_of(i));
    });
    auto reads = static_cast<std::uint32_t>(random() % 2000);
    for (std::uint64_t begin = table.changes(); table.changes() == begin;) sched_yield();
    for (std::uint32_t i = 0; i < reads; ++i) {
      ASSERT_TRUE(is_whole(table.row(i % 8)));
      ASSERT_TRUE(is_whole(table.columns(i % 8)));
    }
    control.kill();
    for (std::uint32_t slot = 0; slot < 8; ++slot) {
      ASSERT_TRUE(is_whole(table.row(slot)));
      ASSERT_TRUE(is_whole(table.columns(slot)));
      edition = std::max(edition, table.columns(slot).ejections);
    }
    // The successor publishes what it finds in the columns.
    for (std::uint32_t slot = 0; slot < 8; ++slot)
      table.publish(slot, row_of(edition), columns_of(edition));
    expect_sound(table);
  }
}

// A writer that is stopped for good is as good as dead: it is looked at after each of its instructions.
TEST(ServerTable, IsSoundWhereverItsWriterStops) {
  Segment segment = make_segment();
  ServerTable table(segment);
  table.publish(0, row_of(1), columns_of(1));
  ServerRow rows[] = {row_of(2), row_of(1)};
  ServerColumns columns[] = {columns_of(2), columns_of(1)};
  Child control([&] {
    if (ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) _exit(2);
    raise(SIGSTOP);
    table.publish(0, rows[0], columns[0]);
    table.publish(1, rows[1], columns[1]);
  });
  int status = 0;
  std::uint64_t cursor = 1;
  std::size_t steps = 0, news = 0;
  while (status = control.wait(), WIFSTOPPED(status)) {
    ASSERT_NO_FATAL_FAILURE(expect_sound(table)) << "after " << steps << " instructions";
    std::int64_t slot = table.next_change(cursor);
    if (slot >= 0) {
      EXPECT_EQ(static_cast<std::size_t>(slot), news++);
      EXPECT_EQ(table.row(static_cast<std::uint32_t>(slot)).incarnation, slot == 0 ? 2U : 1U);
    }
    ++steps;
    ptrace(PTRACE_SINGLESTEP, control.pid(), nullptr, nullptr);
  }
  if (WIFEXITED(status) && WEXITSTATUS(status) == 2) GTEST_SKIP() << "ptrace is not allowed here";
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << status;
  EXPECT_GT(steps, 100U);
  EXPECT_EQ(news, 2U);
}

TEST(ServerTable, ChangesArriveInOrder) {
  Segment segment = make_segment();
  ServerTable table(segment);
  std::uint64_t cursor = table.changes(), late = cursor;
  EXPECT_EQ(table.next_change(cursor), -1);
  for (std::uint32_t slot : {3U, 1U, 3U, 0U}) table.publish(slot, row_of(1), columns_of(1));
  EXPECT_EQ(table.changes(), 4U);
  for (std::int64_t slot : {3, 1, 3, 0, -1, -1}) EXPECT_EQ(table.next_change(cursor), slot);
  EXPECT_EQ(cursor, 4U);
  EXPECT_EQ(table.next_change(late), 3);
  EXPECT_EQ(late, 1U);
}

TEST(ServerTable, WhoMissedTooManyIsToldToReadAll) {
  Segment segment = make_segment();
  ServerTable table(segment);
  std::uint64_t just = 0, over = 0;
  ServerRow row = row_of(1);
  ServerColumns columns = columns_of(1);
  auto publish = [&](std::uint32_t times) {
    for (std::uint32_t i = 0; i < times; ++i) table.publish(i % 7, row, columns);
  };
  publish(ring_size - 1);
  for (std::uint32_t i = 0; i + 1 < ring_size; ++i) ASSERT_EQ(table.next_change(just), i % 7);
  EXPECT_EQ(table.next_change(just), -1);
  publish(1);
  EXPECT_EQ(table.next_change(over), -2);
  EXPECT_EQ(over, table.changes());
  EXPECT_EQ(table.next_change(over), -1);
  table.publish(5, row, columns);
  EXPECT_EQ(table.next_change(over), 5);
  publish(3 * ring_size);
  EXPECT_EQ(table.next_change(just), -2);
  EXPECT_EQ(just, table.changes());
}

// Whoever follows the ring beside a fast writer has in the end seen what is there in the end.
TEST(ServerTable, FollowerEndsWithTheLastOfEachRow) {
  Segment segment = make_segment();
  Child control([&] {
    ServerTable mine(segment);
    std::mt19937 random(9);
    for (std::uint32_t i = 1; i <= 200'000; ++i)
      mine.publish(static_cast<std::uint32_t>(random() % 8), row_of(i), columns_of(1));
  });
  ServerTable table(segment);
  std::uint32_t known[8] = {};
  std::uint64_t cursor = 0;
  std::size_t all = 0;
  auto read = [&](std::uint32_t slot) {
    std::uint32_t incarnation = table.row(slot).incarnation;
    EXPECT_GE(incarnation, known[slot]);
    known[slot] = incarnation;
  };
  while (cursor < 200'000) {
    std::int64_t slot = table.next_change(cursor);
    if (slot >= 0) read(static_cast<std::uint32_t>(slot));
    if (slot == -2 && ++all > 0)
      for (std::uint32_t i = 0; i < 8; ++i) read(i);
  }
  EXPECT_EQ(control.wait(), 0);
  for (std::uint32_t slot = 0; slot < 8; ++slot)
    EXPECT_EQ(known[slot], table.row(slot).incarnation);
}

TEST(ServerTable, ControlIsWokenByWhoCrossesWhatItWaitsFor) {
  Segment segment = make_segment();
  ServerTable control(segment), worker(segment);
  for (int i = 0; i < 9; ++i) control.publish(0, row_of(1), columns_of(1));
  EXPECT_FALSE(worker.saw(1, 3)) << "nobody waits";
  EXPECT_EQ(control.seen(1), 3U);
  EXPECT_EQ(control.seen(0), 0U);
  control.want_seen(5);
  EXPECT_FALSE(worker.saw(1, 4)) << "not yet";
  EXPECT_TRUE(worker.saw(1, 5));
  EXPECT_FALSE(worker.saw(1, 6)) << "only once";
  EXPECT_TRUE(worker.saw(0, 9)) << "each worker";
  control.want_seen(0);
  EXPECT_FALSE(worker.saw(2, 9)) << "no more";
  EXPECT_EQ(control.seen(2), 9U);
}

// Control sets what it waits for and then looks; a worker says what it saw and then looks.
TEST(ServerTable, ControlNeverWaitsInVain) {
  Segment segment = make_segment();
  ServerTable control(segment);
  int pipes[2];
  ASSERT_EQ(pipe(pipes), 0);
  constexpr std::uint64_t rounds = 20'000;
  Child follower([&] {
    ServerTable worker(segment);
    std::uint64_t cursor = 0;
    while (cursor < rounds)
      while (worker.next_change(cursor) != -1)
        if (worker.saw(3, cursor) && write(pipes[1], "w", 1) != 1) _exit(1);
  });
  close(pipes[1]);
  ServerRow row = row_of(1);
  ServerColumns columns = columns_of(1);
  pollfd waker = {pipes[0], POLLIN, 0};
  char woken = 0;
  for (std::uint64_t i = 1; i <= rounds && !HasFailure(); ++i) {
    control.publish(0, row, columns);
    // So that the worker speaks before, after or while it is asked.
    for (std::uint64_t spin = 0; spin < i % 200; ++spin) control.changes();
    control.want_seen(i);
    while (control.seen(3) < i && !HasFailure()) {
      EXPECT_EQ(poll(&waker, 1, 10'000), 1) << "nobody wakes control for change " << i;
      EXPECT_EQ(read(pipes[0], &woken, waker.revents != 0 ? 1 : 0), 1);
    }
  }
  close(pipes[0]);
}

}  // namespace
}  // namespace weir::shm
