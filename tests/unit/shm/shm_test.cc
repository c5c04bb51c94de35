// SPDX-License-Identifier: Apache-2.0
//
// Shared memory between real processes, some of which are killed at some instruction.
#include "shm/in_flight.h"
#include "shm/log_ring.h"
#include "shm/segment.h"
#include "shm/slot_table.h"
#include "shm/worker_state.h"

#include <gtest/gtest.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <string>
#include <vector>

namespace weir::shm {
namespace {

Segment make_segment(std::uint32_t workers = 4, std::uint32_t servers = 8) {
  auto segment = Segment::create({.workers = workers, .servers = servers, .sockets = 16});
  EXPECT_TRUE(segment);
  return std::move(*segment);
}

TEST(Segment, AnotherMappingSeesTheSameAndForeignMemoryIsRefused) {
  Segment segment = make_segment();
  auto other = Segment::attach(dup(segment.fd()));
  ASSERT_TRUE(other);
  SlotTable(segment).assign(3, 2);
  EXPECT_TRUE(SlotTable(*other).belongs(3, 2));
  EXPECT_FALSE(SlotTable(*other).belongs(3, 1));
  EXPECT_EQ(other->layout().servers, 8U);
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  EXPECT_FALSE(Segment::attach(ends[0]));
  close(ends[0]);
  close(ends[1]);
}

TEST(Segment, TellsHowManyWorkersThereHaveBeen) {
  auto segment = Segment::create({.workers = 8, .servers = 2}, 2);
  ASSERT_TRUE(segment);
  auto other = Segment::attach(dup(segment->fd()));
  ASSERT_TRUE(other);
  EXPECT_EQ(other->workers(), 2U);
  InFlight early(*other, 0), late(*segment, 7);
  segment->note_workers(8);
  EXPECT_EQ(other->workers(), 8U);
  late.add(1);
  EXPECT_EQ(early.load(1), 1U);
  segment->note_workers(2);
  EXPECT_EQ(other->workers(), 8U);
}

TEST(Segment, AWorkerCannotWriteWhatControlHasDecided) {
  Segment segment = make_segment();
  auto worker = Segment::attach(dup(segment.fd()));
  ASSERT_TRUE(worker);
  ASSERT_TRUE(worker->protect_from_worker());
  // Asked through the kernel, which says EFAULT where the processor would end the process.
  const auto can_write = [](std::span<std::byte> region) {
    int ends[2];
    EXPECT_EQ(pipe(ends), 0);
    EXPECT_EQ(write(ends[1], "x", 1), 1);
    const bool can = read(ends[0], &region.back(), 1) == 1;
    EXPECT_TRUE(can || errno == EFAULT);
    close(ends[0]);
    close(ends[1]);
    return can;
  };
  for (const char* name :
       {"slots", "servers", "columns", "identities", "ticket_keys", "quarantine"}) {
    EXPECT_FALSE(can_write(worker->region(name))) << name;
    EXPECT_TRUE(can_write(segment.region(name))) << name;
  }
  for (const char* name : {"workers", "in_flight", "outliers", "notices", "rings"})
    EXPECT_TRUE(can_write(worker->region(name))) << name;
}

TEST(LogRing, EverybodyHasItsOwnWhateverTheNumberOfWorkers) {
  Segment segment = make_segment(3);
  std::vector<std::uint32_t> rings{RingOf::control, RingOf::master};
  for (std::uint32_t worker = 0; worker < 3; ++worker) rings.push_back(RingOf::worker(worker));
  for (std::uint32_t ring : rings) {
    ASSERT_LT(ring, RingOf::count(3));
    LogRing(segment, ring).push(LogRing::Kind::Access, std::to_string(ring));
  }
  for (std::uint32_t ring : rings) {
    LogRing mine(segment, ring);
    std::uint64_t cursor = mine.tail();
    LogRing::Line line;
    ASSERT_TRUE(mine.read(cursor, line));
    EXPECT_EQ(line.text, std::to_string(ring));
    EXPECT_FALSE(mine.read(cursor, line));
  }
}

TEST(InFlight, SumsOverWorkersAndForgetsTheDead) {
  Segment segment = make_segment();
  InFlight a(segment, 0), b(segment, 3);
  for (int i = 0; i < 5; ++i) a.add(7);
  b.add(7);
  b.want(7);
  EXPECT_EQ(a.load(7), 6U);
  EXPECT_EQ(a.release(7), std::uint64_t{1} << 3);
  a.clear_worker(3, 8);
  EXPECT_EQ(b.load(7), 4U);
  EXPECT_EQ(a.release(7), 0U);
}

TEST(InFlight, NeverExceedsItsLimitOverProcesses) {
  Segment segment = make_segment();
  constexpr std::uint32_t limit = 3;
  std::vector<pid_t> children;
  for (std::uint32_t worker = 0; worker < 4; ++worker) {
    pid_t pid = fork();
    if (pid == 0) {
      InFlight mine(segment, worker);
      // What is seen while a slot is held may count tries that will back out, so only own counts are sure.
      for (int i = 0; i < 100'000; ++i) {
        if (!mine.try_take(0, limit)) continue;
        mine.release(0);
      }
      _exit(0);
    }
    children.push_back(pid);
  }
  for (pid_t pid : children) waitpid(pid, nullptr, 0);
  InFlight all(segment, 0);
  EXPECT_EQ(all.load(0), 0U);
  for (std::uint32_t i = 0; i < limit; ++i)
    EXPECT_TRUE(InFlight(segment, i % 4).try_take(0, limit));
  EXPECT_FALSE(all.try_take(0, limit));
  EXPECT_EQ(all.load(0), limit);
}

TEST(LogRing, KeepsLinesInOrderAndCountsWhatItDrops) {
  Segment segment = make_segment();
  LogRing writer(segment, 1), reader(segment, 1);
  std::string big(60'000, 'x');
  std::size_t pushed = 0;
  while (reader.take_dropped() == 0) {
    writer.push(LogRing::Kind::Access, std::to_string(pushed) + big);
    ++pushed;
    ASSERT_LT(pushed, 1000U);
  }
  LogRing::Line line;
  std::size_t read = 0;
  std::uint64_t cursor = reader.tail();
  for (; reader.read(cursor, line); reader.release(cursor), ++read)
    EXPECT_EQ(line.text, std::to_string(read) + big);
  EXPECT_EQ(read, pushed - 1);
  EXPECT_TRUE(reader.prepare_to_sleep());
  EXPECT_TRUE(writer.push(LogRing::Kind::Error, "wake"));
  EXPECT_FALSE(writer.push(LogRing::Kind::Error, "awake"));
}

// A consumer that rests looks by itself: it is woken only for what cannot wait.
TEST(LogRing, WhoRestsIsWokenForLittle) {
  Segment segment = *Segment::create({.workers = 1});
  LogRing writer(segment, RingOf::worker(0)), reader(segment, RingOf::worker(0));
  const std::string line(1000, 'x');
  reader.prepare_to_rest(3000);
  EXPECT_FALSE(writer.push(LogRing::Kind::Access, line));
  EXPECT_FALSE(writer.push(LogRing::Kind::Access, line));
  EXPECT_TRUE(writer.push(LogRing::Kind::Access, line)) << "now so much lies there";
  EXPECT_FALSE(writer.push(LogRing::Kind::Access, line)) << "it is awake already";
  for (const LogRing::Kind kind :
       {LogRing::Kind::Error, LogRing::Kind::State, LogRing::Kind::StateBegin}) {
    reader.prepare_to_rest(LogRing::half);
    EXPECT_TRUE(writer.push(kind, "1"));
  }
  reader.prepare_to_rest(LogRing::half);
  writer.stage(LogRing::Kind::Access, line);
  EXPECT_FALSE(writer.settle(true));
  EXPECT_TRUE(writer.push(LogRing::Kind::Error, "1"));
}

TEST(LogRing, TellsWhetherOnlyAccessLinesWait) {
  Segment segment = *Segment::create({.workers = 1});
  LogRing writer(segment, RingOf::worker(0)), reader(segment, RingOf::worker(0));
  std::uint64_t seen = reader.tail();
  EXPECT_TRUE(reader.has_only_access(seen)) << "none is no other";
  EXPECT_EQ(reader.used(), 0U);
  (void)writer.push(LogRing::Kind::Access, "one");
  (void)writer.push(LogRing::Kind::Access, "two");
  EXPECT_TRUE(reader.has_only_access(seen));
  EXPECT_EQ(seen, reader.head());
  EXPECT_EQ(reader.used(), reader.head());
  for (const LogRing::Kind kind :
       {LogRing::Kind::Error, LogRing::Kind::State, LogRing::Kind::StateBegin}) {
    const std::uint64_t before = seen;
    (void)writer.push(LogRing::Kind::Access, "three");
    (void)writer.push(kind, "1");
    (void)writer.push(LogRing::Kind::Access, "four");
    EXPECT_FALSE(reader.has_only_access(seen));
    EXPECT_FALSE(reader.has_only_access(seen)) << "it is still there";
    EXPECT_GT(seen, before);
    reader.release(seen = reader.head());
    EXPECT_TRUE(reader.has_only_access(seen));
  }
  // Looking at lines takes none of them.
  std::uint64_t cursor = 0;
  LogRing::Line line;
  ASSERT_TRUE(reader.read(cursor, line));
  EXPECT_EQ(line.text, "one");
}

// A producer is killed at some instruction, again and again; what the reader sees is whole and in order.
TEST(LogRing, SurvivesTheDeathOfItsProducer) {
  Segment segment = make_segment();
  std::mt19937 random(11);
  LogRing reader(segment, 0);
  for (int round = 0; round < 200; ++round) {
    pid_t pid = fork();
    if (pid == 0) {
      LogRing mine(segment, 0);
      for (unsigned i = 0;; ++i)
        mine.push(LogRing::Kind::Access, std::string(i % 300, static_cast<char>('a' + i % 26)));
    }
    std::size_t wanted = random() % 2000 + 1, seen = 0;
    LogRing::Line line;
    auto check = [&] {
      ASSERT_LT(line.text.size(), 300U);
      ASSERT_EQ(line.text.find_first_not_of(line.text.substr(0, 1)), std::string::npos)
          << line.text;
    };
    std::uint64_t cursor = reader.tail();
    while (seen < wanted)
      if (reader.read(cursor, line))
        check(), reader.release(cursor), ++seen;
      else
        sched_yield();
    kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
    for (; reader.read(cursor, line); reader.release(cursor)) check();
  }
}

TEST(WorkerState, CountsSurviveTheirOwner) {
  Segment segment = make_segment();
  pid_t pid = fork();
  if (pid == 0) {
    WorkerState(segment, 2).add(Count::Requests, 41);
    _exit(0);
  }
  waitpid(pid, nullptr, 0);
  WorkerState next(segment, 2);
  next.add(Count::Requests, 1);
  EXPECT_EQ(next.get(Count::Requests), 42U);
  EXPECT_EQ(WorkerState(segment, 1).get(Count::Requests), 0U);
}

}  // namespace
}  // namespace weir::shm
